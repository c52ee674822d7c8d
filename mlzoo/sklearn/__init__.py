"""Estimators for scikit-learn: `MlzooClassifier` and `MlzooRegressor`."""

from mlzoo.sklearn.estimators import MlzooClassifier, MlzooRegressor

__all__ = ["MlzooClassifier", "MlzooRegressor"]
