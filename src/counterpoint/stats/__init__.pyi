from counterpoint.stats.calibration import CalibrationBin as CalibrationBin
from counterpoint.stats.intervals import Estimate as Estimate
from counterpoint.stats.ranking import Reach as Reach
from counterpoint.stats.survival import Step as Step
