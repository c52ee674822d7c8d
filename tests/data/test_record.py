"""What a run folder says of its data: parts, and samples that were trained on."""

from __future__ import annotations

from mlzoo.data.record import data_record, split_record, trained_on
from mlzoo.runs import datasets
from tests.data.pictures import config


def test_samples_of_the_training_and_validation_part_are_known_again() -> None:
    given = config("iris")
    data = datasets.load(given)
    split = split_record(data, given)
    test = data.samples.only(data.test.indices)
    assert trained_on(data.samples, split) == len(data.train) + len(data.valid)
    assert trained_on(test, split) == 0
    assert trained_on(data.samples.only(data.train.indices[:7]), split) == 7


def test_the_record_counts_each_class_in_each_part() -> None:
    given = config("iris")
    record = data_record(datasets.load(given), given)
    assert record["parts"]["test"]["classes"] == {"setosa": 10, "versicolor": 10, "virginica": 10}
    assert [part["samples"] for part in record["parts"].values()] == [90, 30, 30]
    assert record["task"] == "classification"
