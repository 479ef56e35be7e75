"""What refined images are worth: measured against real ones, step by step, and decided."""

from keras_simgan.evaluation.evaluate import evaluate
from keras_simgan.evaluation.evaluation import Evaluation
from keras_simgan.evaluation.instance_styles import InstanceStyles
from keras_simgan.evaluation.label_agreement import Agreement, AgreementOptions
from keras_simgan.evaluation.sample_options import SampleOptions
from keras_simgan.evaluation.transfer import Transfer, TransferOptions
from keras_simgan.evaluation.verdict import Verdict, verdict

__all__ = [
    "Agreement",
    "AgreementOptions",
    "Evaluation",
    "InstanceStyles",
    "SampleOptions",
    "Transfer",
    "TransferOptions",
    "Verdict",
    "evaluate",
    "verdict",
]
