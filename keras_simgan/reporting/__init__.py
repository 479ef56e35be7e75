"""Pages that show what a model does, each one file that needs nothing else."""

from keras_simgan.reporting.chart import line_chart, step_chart
from keras_simgan.reporting.evaluation import evaluate
from keras_simgan.reporting.evaluation_result import Agreement, Evaluation
from keras_simgan.reporting.html import Page, gallery, image_tag, pair_gallery, table
from keras_simgan.reporting.verdict import Verdict, verdict

__all__ = [
    "Agreement",
    "Evaluation",
    "Page",
    "Verdict",
    "evaluate",
    "gallery",
    "image_tag",
    "line_chart",
    "pair_gallery",
    "step_chart",
    "table",
    "verdict",
]
