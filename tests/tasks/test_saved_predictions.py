"""Files of predictions that were damaged are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data.contracts import task

SAVED = {
    "classification": "index,target,prediction,p_a,p_b\n0,a,b,.4,.6\n1,a,a,.{}7,.3\n",
    "segmentation": "index,found_a,missed_a,false_a\n0,4,1,1\n1,4,{}1,1\n",
    "forecasting": "index,step,series,target,prediction\n0,1,y,1.5,2\n1,1,y,2.5,{}3\n",
}


@pytest.mark.parametrize("name", SAVED)
def test_a_number_that_is_none_is_named_with_its_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text(SAVED[name].format(""))
    assert len(task(name).read_predictions(path).indices) == 2
    path.write_text(SAVED[name].format("T"))
    with pytest.raises(DataError, match=r"predictions.csv is damaged: .*'.*T.*'; restore it"):
        task(name).read_predictions(path)


def test_targets_that_are_no_numbers_are_named_too(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text("index,target,prediction\n0,1.5,2\n1,2.T5,3\n")
    with pytest.raises(DataError, match="predictions.csv is damaged: .*2.T5"):
        task("regression").read_predictions(path).scorer("rmse")(np.ones((1, 2)))
