from counterpoint.synthetic.platform import GeneratedLogs as GeneratedLogs
from counterpoint.synthetic.platform import Platform as Platform
from counterpoint.synthetic.platform import generate as generate
