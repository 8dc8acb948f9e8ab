from counterpoint.storage.engines import SparkSession as SparkSession
from counterpoint.storage.workspace import Folder as Folder
from counterpoint.storage.workspace import WorkspaceView as WorkspaceView
from counterpoint.storage.workspace import open_workspace as open_workspace
