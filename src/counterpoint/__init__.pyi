from counterpoint import churn as churn
from counterpoint import events as events
from counterpoint import networks as networks
from counterpoint import recommend as recommend
from counterpoint import snapshots as snapshots
from counterpoint import spread as spread
from counterpoint import stats as stats
from counterpoint import storage as storage
from counterpoint import synthetic as synthetic
from counterpoint import trace as trace
from counterpoint.churn.estimator import ChurnModel as ChurnModel
from counterpoint.churn.evaluation import evaluate as evaluate_churn
from counterpoint.churn.feature_table import listener_table as listener_table
from counterpoint.churn.offer_assignment import OfferPlan as OfferPlan
from counterpoint.churn.offer_experiment import plan_offers as plan_offers
from counterpoint.churn.scoring import score as score_churn
from counterpoint.churn.training import train as train_churn
from counterpoint.errors import CounterpointError as CounterpointError
from counterpoint.events.ingestion import ingest as ingest
from counterpoint.networks.graph import Network as Network
from counterpoint.networks.readers import read as read_network
from counterpoint.networks.recipes import network as network
from counterpoint.platform.workspace_report import write_report as write_report
from counterpoint.recommend.evaluation import evaluate as evaluate_recommenders
from counterpoint.recommend.evaluation import evaluate_interactions as evaluate_interactions
from counterpoint.recommend.recommender import Recommender as Recommender
from counterpoint.recommend.training import train as train_recommender
from counterpoint.snapshots.snapshot import Snapshot as Snapshot
from counterpoint.spread.models.presets import model as rumour_model
from counterpoint.spread.outbreaks import Outbreaks as Outbreaks
from counterpoint.spread.simulation import simulate as simulate
from counterpoint.stats.intervals import Estimate as Estimate
from counterpoint.storage.workspace import open_workspace as open_workspace
from counterpoint.synthetic.platform import Platform as Platform
from counterpoint.synthetic.platform import generate as generate_platform
from counterpoint.trace.evaluation import evaluate as evaluate_detectors
from counterpoint.trace.localization import locate as locate_source
from counterpoint.trace.observation import Observation as Observation

__version__: str
__all__ = [
    "ChurnModel",
    "CounterpointError",
    "Estimate",
    "Network",
    "Observation",
    "OfferPlan",
    "Outbreaks",
    "Platform",
    "Recommender",
    "Snapshot",
    "churn",
    "evaluate_churn",
    "evaluate_detectors",
    "evaluate_interactions",
    "evaluate_recommenders",
    "events",
    "generate_platform",
    "ingest",
    "listener_table",
    "locate_source",
    "network",
    "networks",
    "open_workspace",
    "plan_offers",
    "read_network",
    "recommend",
    "rumour_model",
    "score_churn",
    "simulate",
    "snapshots",
    "spread",
    "stats",
    "storage",
    "synthetic",
    "trace",
    "train_churn",
    "train_recommender",
    "write_report",
]
