"""Estimators for scikit-learn: `MlzooClassifier`, `MlzooRegressor` and `MlzooEmbedding`."""

from mlzoo.sklearn.estimators import MlzooClassifier, MlzooEmbedding, MlzooRegressor

__all__ = ["MlzooClassifier", "MlzooEmbedding", "MlzooRegressor"]
