"""Bad input: the exit code and the sentence for each, and that nothing is left behind."""

from __future__ import annotations

import shlex
from pathlib import Path

import keras
import pytest
import yaml

from mlzoo.core.validation.consistency import deciders, readers
from mlzoo.training.starting.folder import seal
from tests.cli.shell import Done, Mlzoo, process, tree

CHECKS_ONLY = [
    # -- Commands and options
    ("trian cnn digits", 2, "No such command 'trian'. Did you mean 'train'?"),
    ("train cnn digits --epcohs 5", 2, "unknown option '--epcohs' (did you mean '--epochs'?)"),
    ("train --epcohs 5 cnn digits", 2, "unknown option '--epcohs' (did you mean '--epochs'?)"),
    ("train --epcohs=5 cnn digits", 2, "unknown option '--epcohs' (did you mean '--epochs'?)"),
    ("train cnn digits --epoch 5", 2, "unknown option '--epoch' (did you mean '--epochs'?)"),
    ("train cnn digits -e 5", 2, "unknown option '-e'"),
    ("train cnn digits --epochs", 2, "'--epochs' requires an argument"),
    ("train cnn digits more", 2, "unexpected argument 'more'"),
    ("train cnn digits --overwrite", 2, "--overwrite: has no effect without --name"),
    ("predict x d/ok.csv --overwrite", 2, "--overwrite: has no effect without --output"),
    ("models show cnn --classes 5", 2, "--classes: has no effect without --input"),
    ("data inspect digits --siez 3", 2, "No such option: --siez"),
    ("evaluate", 2, "Missing argument 'RUN'"),
    ("train cnn", 2, "data: is needed"),
    # -- Names and values
    ("train cn digits", 2, "unknown model 'cn' (did you mean 'cnn'?)"),
    ("models show cn", 2, "unknown model 'cn' (did you mean 'cnn'?)"),
    ("models show cnn --input 8xx", 2, "--input: write 28x28x1"),
    ("sources show tabel", 2, "unknown source 'tabel' (did you mean 'table'?)"),
    ("train cnn digits --set filtesr=3", 2, "unknown setting of cnn 'filtesr' (did you mean 'fil"),
    ("train cnn digits --set kernel", 2, "--set kernel: write name=value"),
    ("train cnn digits --set kernel=3 --set kernel=5", 2, "--set kernel: given twice"),
    ("train cnn digits --set kernel=99", 2, "--set kernel: must be at most 15 (got 99)"),
    ("train cnn digits --set filters=many", 2, "--set filters: must be a whole number (got 'many'"),
    ("train mlp digits --set exponent=1.5", 2, "exponent has no effect without activation"),
    ("train cnn digits --epochs five", 2, "--epochs: must be a whole number (got 'five')"),
    ("train cnn digits --epochs 5 --epochs 6", 2, "--epochs: given twice (5, 6)"),
    ("data inspect digits --size 8 --size 9", 2, "--size: given twice (8, 9)"),
    ("train cnn digits --epochs 0", 2, "--epochs: must be at least 1 (got '0')"),
    ("train cnn digits --batch-size -1", 2, "--batch-size: must be at least 1 (got '-1')"),
    ("train cnn digits --batch-size all", 2, "whole number or 'auto' or 'full' (got 'all')"),
    ("train unet d/pairs --tile 100", 2, "--tile: must be a multiple of 32 (got '100')"),
    ("train unet d/pairs --tile 32", 2, "tile 32 is too small; it must be at least 64"),
    (
        "train unet d/pairs --tile 64 --overlap 64",
        2,
        "overlap 64 is more than half of the tile",
    ),
    ("train unet d/pairs --loss dise", 2, "--loss: unknown loss 'dise' (did you mean 'dice'?)"),
    ("train unet d/pairs --loss 0*dice", 2, "the weight of dice must be a number over 0"),
    (
        "train unet d/pairs --tversky-beta .5",
        2,
        "tversky_beta has no effect: it needs loss",
    ),
    ("train cnn digits --learning-rate 0", 2, "--learning-rate: must be more than 0 (got '0')"),
    ("train cnn digits --optimizer adm", 2, "(got 'adm'; did you mean 'adam'?)"),
    ("train cnn digits --fractions 50/50", 2, "--fractions: write three shares that sum to 100"),
    ("train cnn digits --name ../x", 2, "--name: a name has letters, digits"),
    ("train cnn d/images --group-by '(x'", 2, "--group-by: not a regular expression"),
    ("train cnn digits --clip-norm 1 --clip-value 2", 2, "clip_norm and clip_value exclude each"),
    ("train cnn digits --schedule cosine --warmup 60", 2, "warmup 60 leaves no epoch of the 50"),
    ("train rnn d/series.csv --window 0", 2, "--window: must be at least 1 (got '0')"),
    ("train rnn d/series.csv --horizon many", 2, "--horizon: must be a whole number (got 'many')"),
    ("train rnn d/series.csv --stride 0", 2, "--stride: must be at least 1 (got '0')"),
    (
        "train rnn d/series.csv --set carry_state=true --window 8",
        2,
        "--stride: carry_state needs windows that follow one another, none of which overlap: set "
        "--stride 8 (got 1 by default)",
    ),
    (
        "train rnn d/series.csv --set carry_state=true",
        2,
        "set --window 32 --stride 32 (got 1 by default)",
    ),
    ("train rnn d/series.csv --gap -1", 2, "--gap: must be at least 0 (got '-1')"),
    ("train rnn d/states --buckets -1", 2, "--buckets: must be at least 0 (got '-1')"),
    ("train rnn d/series.csv --set cell=gruu", 2, "(got 'gruu'; did you mean 'gru'?)"),
    ("train rnn d/series.csv --set units=0", 2, "--set units: must be at least 1 (got 0)"),
    ("train rnn d/series.csv --source-set season=0", 2, "season: must be at least 1 (got 0)"),
    ("train rnn d/series.csv --source-set calendar=month", 2, "must be 'day', 'week' or 'year'"),
    ("train rnn d/series.csv --source-set missing=zero", 2, "'linear' or 'previous' (got 'zero'"),
    ("train rnn sine-mix --source-set lag=5", 2, "lag has no effect on sine-mix"),
    ("train rnn delayed-xor --source-set lag=0", 2, "lag: must be at least 1 (got 0)"),
    ("predict x y --length 0", 2, "--length: must be at least 1 (got '0')"),
    ("predict x y --temperature nan", 2, "--temperature: must be a finite number (got 'nan')"),
    ("predict x y --truth t.npy", 2, "--truth: has no effect without --steps"),
    ("predict x y --seed -1", 2, "--seed: must be at least 0 (got '-1')"),
    (
        "evaluate x --part tset",
        2,
        "--part: must be 'train', 'valid' or 'test' (got 'tset'; did you mean 'test'?)",
    ),
    # -- Configuration files
    ("train --config d/twice.yaml", 2, "d/twice.yaml:4: key 'epochs' stands twice"),
    ("train --config d/twice_set.yaml", 2, "d/twice_set.yaml:5: key 'kernel' stands twice"),
    ("train --config d/tag.yaml", 2, "d/tag.yaml:3: could not determine a constructor for the tag"),
    ("train --config d/alias.yaml", 2, "d/alias.yaml:3: write the value out; aliases are not"),
    ("train --config d/deep.yaml", 2, "d/deep.yaml is nested too deeply"),
    ("train --config d/list.yaml", 2, "d/list.yaml:1: a configuration is a list of `name: value`"),
    ("train --config d/broken.yaml", 2, "d/broken.yaml:3: expected ',' or ']'"),
    ("train --config d/bool.yaml", 2, "d/bool.yaml:3: epochs: must be a number (got True)"),
    ("train --config d/inert.yaml", 2, "d/inert.yaml:3: momentum has no effect"),
    ("train --config d/number.yaml --set kernel=3", 2, "d/number.yaml:3: set: must be `name: val"),
    ("train --config d/none.yaml", 2, "--config: can't read d/none.yaml: No such file"),
    ("train --config d/nan.npz", 2, "d/nan.npz is no text file"),
    # -- Paths and files
    ("train cnn d/imags", 2, "which has images"),
    ("train cnn digit", 2, "data sets with such a name: digits"),
    ("train cnn d/a_file", 2, "'d/a_file' is nothing that a source reads; expected a table"),
    ("train cnn digits --source tabel", 2, "unknown source 'tabel' (did you mean 'table'?)"),
    ("train mlp d/ok.csv --source-set delimeter=x", 2, "'delimeter' (did you mean 'delimiter'?)"),
    ("train ./none.py digits", 2, "no file 'none.py' (looked at "),
    ("train d/no_build.py digits", 2, "d/no_build.py is no model plug-in: it lacks 'build'"),
    ("train d/raises.py digits", 2, "fails when it is imported: RuntimeError('no licence for this"),
    ("train d/syntax.py digits", 2, "d/syntax.py fails when it is imported: SyntaxError"),
    ("evaluate nowhere", 2, "there is no run folder nowhere"),
    ("evaluate .", 2, ". is no run folder: it lacks model.keras or data.json"),
    ("predict d/images d/images", 2, "d/images is no run folder"),
    ("compare nowhere elsewhere", 2, "there is no run folder nowhere"),
    ("compare nowhere", 2, "there is no run folder nowhere"),
    ("train --resume nowhere", 2, "nowhere.partial is no unfinished run"),
    ("train --resume x --seed 3", 2, "--seed can't change them (only --epochs can be raised"),
]
READS_DATA = [
    # -- Image folders
    ("train cnn d/truncated", 3, "a/cut.jpg: cut short or damaged"),
    ("train cnn d/truncated --on-bad skip", 3, "that is 7.7%, more than --max-bad 0.01 accepts"),
    ("train cnn d/empty_file", 3, "a/empty.png: empty file"),
    ("train cnn d/text_file", 3, "a/text.jpg: not an image"),
    ("train cnn d/wrong_name", 3, "a/wrong.png: is a JPEG image, but its name says .png"),
    ("train cnn d/bomb", 3, "a/bomb.png: "),
    ("train cnn d/one_class", 3, "has one class only ('crack')"),
    ("train cnn d/small_class", 3, "too few different samples for 3 splits in class 'sound' (2"),
    ("train cnn d/flat", 3, "holds 4 images but no class folders"),
    ("train cnn d/nothing", 3, "d/nothing is empty; expected one folder of images a class"),
    ("train cnn d/only_a_table", 3, "without images; name the file in it: d/only_a_table/t.csv"),
    (
        "train cnn d/pairs",
        2,
        "cnn is for classification, multilabel, ordinal and regression, but these data are for ",
    ),
    (
        "train unet digits",
        2,
        "unet is for fields, instances, restoration and segmentation, but these",
    ),
    ("train unet d/pairs --task classification", 2, "task classification is not for masks; choose"),
    ("train unet d/no_partner", 3, "images/03.png: has no mask called 03 in masks/"),
    ("train unet d/no_partner --on-bad skip", 3, "more than --max-bad 0.01 accepts"),
    ("train unet d/other_size", 3, "masks/00.png: the mask is 47x48, but its image is 48x48"),
    ("train unet d/smeared", 3, "holds 256 different values, which are no classes but smeared"),
    ("train unet d/unknown", 3, "values that are no class in images/00.png (7); the classes are 0"),
    ("train unet d/empty_masks", 3, "all masks hold one class only (0)"),
    ("train unet d/mixed", 3, "some masks hold 0 and 1 (images/00.png), others 0 and 255"),
    ("train unet d/negative.npz", 3, "whole numbers from 0 to 255"),
    ("train unet d/pairs --tile none --overlap 32", 2, "--overlap: overlap has no effect: tile is"),
    ("train unet d/pairs --overlap 32", 2, "no effect: tile is auto, and no image has more than a"),
    ("train unet d/pairs --tile 64 --overlap 32", 2, "no effect: no image is larger than tile 64"),
    ("train unet d/pairs --loss mse", 2, "--loss mse does not fit segmentation; choose crossent"),
    (
        "train unet d/pairs --sampler balanced",
        2,
        "it centers crops of images on rare classes, and these are taken whole",
    ),
    ("train unet d/pairs --loss dice --class-weights auto", 2, "has no effect on --loss dice: add"),
    ("train unet_two_decoders d/pairs", 2, "is for fields and restoration, but these data are"),
    (
        "train unet d/fields.npz --augment flips",
        2,
        "Symmetry: move pixels, and fields are not moved along",
    ),
    ("train mlp digits --tile 64", 2, "--tile: tile has no effect on classification"),
    ("train cnn d/new_class", 3, "class 'bb' is in the test folder but not in the training folder"),
    (
        "train cnn d/leak",
        3,
        "12 of 12 valid samples are exact duplicates of train samples: val/a/0",
    ),
    (
        "train cnn d/groups --group-by '^(\\d+)_'",
        3,
        "in both the train and the test split: 1 ('000')",
    ),
    ("train cnn d/images --group-by '^(x\\d+)_'", 3, "does not match crack/000_1.png"),
    # -- Tables
    ("train mlp d/copy.csv --target y", 3, "column 'label' gives the target 'y' away"),
    ("train mlp d/text.csv --target y", 3, "column 'b', row 17 (line 18): 'n/k' stands among num"),
    ("train mlp d/infinite.csv --target y", 3, "column 'b', row 17 (line 18): inf is no finite"),
    ("train mlp d/ok.csv --target z", 3, "no column 'z' to predict; there are a, b, color, y"),
    ("train mlp d/ok.csv --target colour", 3, "'colour' to predict (did you mean 'color'?)"),
    ("train mlp d/ok.csv --target y --drop colour", 3, "unknown column 'colour' (did you mean 'c"),
    ("train mlp d/ok.csv --target a>=9", 3, "a<9 holds in all 60 rows"),
    ("train mlp d/one_class.csv --target y", 3, "has one class only (1)"),
    (
        "train mlp d/rare.csv --target y",
        3,
        "too few different samples for 3 splits in class 'b' (1",
    ),
    ("train mlp d/header.csv", 3, "d/header.csv has a header but no rows"),
    ("train mlp d/ragged.csv", 3, "d/ragged.csv: 4 columns, but line 7 has 2"),
    ("train mlp d/empty.csv", 3, "d/empty.csv is empty"),
    ("train mlp d/binary.csv", 3, "d/binary.csv is not a text file"),
    # -- Arrays
    ("train mlp d/nan.npz", 3, "d/nan.npz holds NaN or infinite values in 1 of 60 samples"),
    ("train mlp d/inf.npz", 3, "d/inf.npz holds NaN or infinite values in 1 of 60 samples"),
    ("train mlp d/nan_target.npz", 3, "targets is nan in row 8"),
    ("train mlp d/pickled.npz", 3, "holds Python objects, which can run code when they are read"),
    ("train mlp d/lengths.npz", 3, "60 inputs (shape (60, 3)) but 59 targets"),
    ("train mlp d/three.npz", 3, "which are inputs and targets?"),
    ("train mlp d/no_zip.npz", 3, "d/no_zip.npz can't be read as NumPy arrays"),
    ("train mlp d/label.npz", 3, "class '2' occurs in the validation or test split but not in the"),
    ("data inspect d/pickled.npz", 3, "holds Python objects"),
    # -- Series, sequences, texts
    ("train rnn d/series.csv --window 500", 3, "the longest stretch without a break in time has"),
    ("train rnn d/series.csv --window 3 --horizon 21", 3, "the values to forecast take 21: use a"),
    ("train rnn d/series.csv --gap 30", 3, "a smaller --gap, other --fractions"),
    ("train rnn d/series.csv --target flwo", 3, "unknown column 'flwo' (did you mean 'flow'?)"),
    ("train rnn d/series.csv --group-by plant", 3, "--group-by: unknown column 'plant'"),
    ("train rnn d/series.csv --source-set time=when", 3, "no column 'when' to read times from"),
    ("train rnn d/gap.csv", 3, "missing values: 'flow' 1, first in step 8; fill them with"),
    ("train rnn d/back.csv", 3, "time goes back in"),
    ("train rnn d/few.txt", 3, "d/few.txt"),
    ("train rnn d/words.txt --window 5000", 3, "the text has 620 characters, but a window"),
    ("train rnn d/states --target stat", 3, "no column 'stat' to predict (did you mean 'state'?)"),
    ("data inspect d/series.csv --window 500", 3, "no window fits"),
    ("train rnn digits", 2, "rnn needs sequences (steps, channels), but a sample here is of kind"),
    ("train cnn d/series.csv", 2, "but these data are for forecasting; choose"),
    ("train cnn d/states --target state", 2, "these data are for labeling; choose rnn or tcn"),
    ("train unet d/words.txt", 2, "but these data are for text; choose rnn or tcn"),
    ("train rnn d/series.csv --loss dice", 2, "--loss dice does not fit forecasting; choose mse"),
    ("train rnn d/words.txt --loss mse", 2, "--loss mse does not fit text; choose crossentropy"),
    ("train rnn d/series.csv --sampler balanced", 2, "--sampler balanced has no effect on forec"),
    ("train rnn d/series.csv --split hash", 2, "--split: split has no effect: windows are split"),
    ("train rnn d/series.csv --buckets 3", 2, "buckets has no effect: no sequences of different"),
    ("train rnn d/states --target state --gap 3", 2, "--gap: gap has no effect on labeling"),
    # -- Data, model and settings that do not fit each other
    ("train cnn d/ok.csv --target y", 2, "cnn needs images (height, width, channels), but a samp"),
    ("train mlp digits --loss mse", 2, "--loss mse does not fit classification; choose crossent"),
    ("train mlp digits --monitor val_acc", 2, "--monitor: must be"),
    ("train mlp digits --class-weights none.yaml", 2, "write none, auto, or a YAML file of class"),
    ("train mlp d/ok.csv --target y --class-weights d/weights.yaml", 2, "class '1' has no weight"),
    ("train mlp diabetes --class-weights auto", 2, "--class-weights has no effect on regression"),
    ("train d/no_model.py digits", 2, "d/no_model.py: build returned tuple, not a keras.Model"),
    ("train d/lambda.py digits", 2, "is a Lambda, which can't be loaded safely; write a"),
    ("train d/subclass.py digits", 2, "build returned a Net, not a Functional model; return"),
    ("train d/fails.py digits", 2, "d/fails.py: build failed: ZeroDivisionError: division by"),
    ("train mlp d/ok.csv --target y --drop y", 2, "--drop: 'y' is the target"),
    ("train d/wrong_end.py digits", 2, "the model's output has shape (None, 8, 8, 4), the data"),
    ("train mlp digits --out d/a_file", 2, "--out d/a_file: d/a_file is a file, not a folder"),
    ("train mlp digits --out /sys/kernel", 4, "/sys/kernel can't be written to"),
]


def refused(done: Done, code: int, fragment: str) -> None:
    """An error as it should be: its code, its sentence, nothing else."""
    assert done.code == code, done.err
    assert done.out == ""
    assert any(fragment in line for line in done.errors), done.err
    assert done.cause.lower().startswith("error: "), "the cause stands last"
    assert "Traceback" not in done.err
    assert "bug in mlzoo" not in done.err


def left_behind(folder: Path) -> list[str]:
    """What a command wrote into the working directory."""
    found = folder.rglob("*")
    return [str(p.relative_to(folder)) for p in found if p.name not in ("d", "saved_models")]


@pytest.mark.slow
@pytest.mark.parametrize(("line", "code", "fragment"), CHECKS_ONLY, ids=[c[0] for c in CHECKS_ONLY])
def test_refused_before_any_work(
    line: str, code: int, fragment: str, mlzoo: Mlzoo, world: Path, tmp_path: Path
) -> None:
    before = tree(world)
    done = mlzoo(*shlex.split(line))
    refused(done, code, fragment)
    assert len(done.err.splitlines()) <= 4, done.err
    assert left_behind(tmp_path) == []
    assert tree(world) == before


@pytest.mark.slow
@pytest.mark.parametrize(("line", "code", "fragment"), READS_DATA, ids=[c[0] for c in READS_DATA])
def test_refused_for_its_data(
    line: str, code: int, fragment: str, mlzoo: Mlzoo, world: Path, tmp_path: Path
) -> None:
    before = tree(world)
    refused(mlzoo(*shlex.split(line)), code, fragment)
    assert left_behind(tmp_path) == []
    assert tree(world) == before


def test_five_mistakes_of_a_file_are_five_lines(mlzoo: Mlzoo) -> None:
    done = mlzoo("train", "--config", "d/five.yaml")
    assert done.code == 2
    lines = done.err.splitlines()
    expected = ["3: unknown key 'epcohs'", "4: batch_size", "5: momentum", "6: optimizer"]
    expected += ["8: set filtesr"]
    assert len(lines) == 5
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(f"error: d/five.yaml:{start}"), line


def test_mistakes_of_flags_and_words_are_told_in_one_pass(mlzoo: Mlzoo) -> None:
    done = mlzoo("train", "--epcohs", 5, "cn", "d/imags", "--limit", 1, "--momentum", "a lot")
    assert sorted(line.split(" ")[0] for line in done.errors) == [
        "--limit:",
        "--momentum:",
        "DATA:",
        "unknown",
        "unknown",
    ]


def test_an_error_in_json_mode_leaves_stdout_empty(mlzoo: Mlzoo) -> None:
    refused(mlzoo("train", "cnn", "d/one_class", "--json"), 3, "one class only")


# -- Options that nothing would read

GOOD_VALUES = {
    "momentum": 0.5,
    "weight_decay": 0.1,
    "learning_rate": 0.1,
    "batch_size": 8,
    "clip_norm": 1,
    "clip_value": 1,
    "sampler": "balanced",
    "checkpoint_every": 5,
    "augment": "light",
    "devices": 1,
    "profile": None,
    "weight_ranges": None,
    "diagnose": "spectrum",
    "equation": "reaction-fields",
    "ema_momentum": 0.9,
    "swa_share": 0.5,
    "augment_trials": 3,
    "warmup": 1,
    "decay_every": 2,
    "decay_factor": 0.1,
    "plateau_patience": 2,
    "focal_gamma": 1,
    "tversky_beta": 0.5,
    "top_share": 0.2,
    "max_bad": 0.5,
    "rare_below": 4,
}
INERT_DATA = [
    ("digits", "--target", "x"),
    ("digits", "--task", "regression"),
    ("digits", "--drop", "a"),
    ("digits", "--size", "8"),
    ("digits", "--color", "gray"),
    ("digits", "--group-by", "g"),
    ("digits", "--on-bad", "skip"),
    ("d/ok.csv", "--cache", "none"),
    ("d/images", "--target", "x"),
    ("d/pairs", "--target", "x"),
    ("d/pairs", "--drop", "a"),
    ("d/ok.csv", "--size", "8"),
    ("d/lengths.npz", "--target", "y"),
    ("digits", "--window", "3"),
    ("digits", "--horizon", "3"),
    ("digits", "--stride", "3"),
    ("d/states", "--window", "3"),
    ("d/states", "--horizon", "3"),
    ("d/words.txt", "--horizon", "3"),
    ("d/words.txt", "--target", "y"),
    ("d/series.csv", "--size", "8"),
]


def test_every_rule_on_inert_options_is_tried() -> None:
    assert set(GOOD_VALUES) == set(deciders())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(deciders()))
def test_an_inert_option_is_refused_unless_accepted(
    name: str, mlzoo: Mlzoo, tmp_path: Path
) -> None:
    decider, reading = deciders()[name], readers(name)
    flag, value = "--" + name.replace("_", "-"), GOOD_VALUES[name]
    command = ["train", "mlp", "digits", flag, *([] if value is None else [value])]
    if decider == "optimizer" and "adam" in reading:
        command += ["--optimizer", "lbfgs"]
    refused(mlzoo(*command), 2, f"{flag}: {name} has no effect: it needs {decider}")
    accepted = mlzoo(*command, "--allow-unused", "--limit", "big")
    assert [line[:8] for line in accepted.errors] == ["--limit:"]
    asked = mlzoo(*command, f"--{decider.replace('_', '-')}", reading[0], "--limit", "big")
    assert not any(f"{name} has no effect: it needs" in line for line in asked.errors), asked.err
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(("data", "flag", "value"), INERT_DATA)
def test_an_option_that_the_source_ignores_is_refused(
    data: str, flag: str, value: str, mlzoo: Mlzoo
) -> None:
    refused(mlzoo("train", "mlp", data, flag, value), 2, "has no effect with source")
    accepted = mlzoo("train", "mlp", data, flag, value, "--allow-unused", "--limit", "big")
    assert [line[:8] for line in accepted.errors] == ["--limit:"]


def test_monitor_without_a_watcher_is_refused(mlzoo: Mlzoo) -> None:
    words = ("train", "mlp", "digits", "--monitor", "loss", "--keep", "last")
    refused(mlzoo(*words, "--early-stopping", 0), 2, "monitor has no effect: early_stopping is 0")
    assert not any("monitor" in line for line in mlzoo(*words, "--limit", "big").errors)


def test_an_accepted_unused_option_is_told(mlzoo: Mlzoo) -> None:
    words = ("train", "linear", "d/one_class.csv", "--target", "y", "--momentum", 0.5)
    done = mlzoo(*words, "--allow-unused")
    assert done.err.startswith("warning: --momentum: momentum has no effect"), done.err


@pytest.mark.slow
@pytest.mark.parametrize(("flag", "value"), [("--fractions", "70/15/15"), ("--split", "hash")])
def test_an_option_that_the_data_leave_without_effect_is_refused(
    flag: str, value: str, mlzoo: Mlzoo, tmp_path: Path
) -> None:
    command = ("train", "linear", "d/parts.npz", "--epochs", 1, "--name", "r", flag, value)
    told = f"{flag}: {flag[2:]} has no effect: the data bring a train, a valid and a test split"
    refused(mlzoo(*command), 2, told)
    assert left_behind(tmp_path) == []
    accepted = mlzoo(*command, "--allow-unused")
    assert accepted.code == 0
    assert f"warning: {told}" in accepted.err
    written = "saved_models/r/config.yaml"
    assert not {"fractions", "split"} & set(yaml.safe_load(Path(written).read_text()))
    assert mlzoo("train", "--config", written).code == 0


# -- Names and places of runs


@pytest.mark.slow
def test_an_existing_run_is_not_overwritten(mlzoo: Mlzoo, run: Path) -> None:
    before = tree(run)
    command = ("train", "mlp", "d/ok.csv", "--out", ".", "--name", "run")
    refused(mlzoo(*command), 2, "run exists already; choose another --name, or replace it")
    assert tree(run) == before


def test_an_existing_output_is_not_overwritten(mlzoo: Mlzoo, run: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mine")
    refused(mlzoo("predict", run, "d/ok.csv", "-o", "out.csv"), 2, "out.csv exists already")
    assert (tmp_path / "out.csv").read_text() == "mine"


def test_an_output_that_is_refused_twice(mlzoo: Mlzoo, run: Path) -> None:
    done = mlzoo("predict", run, "d/ok.csv", "--json", "-o", "out.csv")
    refused(done, 2, "--json prints to stdout and --output writes CSV: choose one")


def test_a_broken_configuration_of_an_unfinished_run(mlzoo: Mlzoo, tmp_path: Path) -> None:
    partial = tmp_path / "x.partial"
    partial.mkdir()
    (partial / "config.yaml").write_text(seal("model: cnn\ndata: digits\nepochs: [\n"))
    before = (partial / "config.yaml").read_text()
    refused(mlzoo("train", "--resume", "x"), 2, "x.partial/config.yaml:")
    assert (partial / "config.yaml").read_text() == before


# -- Devices and divergence


@pytest.mark.skipif(
    bool(keras.distribution.list_devices("gpu")) if keras.backend.backend() != "jax" else False,
    reason="this machine has a GPU",
)
def test_a_gpu_that_is_not_there(mlzoo: Mlzoo, tmp_path: Path) -> None:
    refused(mlzoo("train", "mlp", "digits", "--device", "gpu"), 4, "--device gpu: the ")
    assert left_behind(tmp_path) == []


def test_divergence_before_the_first_epoch_is_over(mlzoo: Mlzoo, tmp_path: Path) -> None:
    command = ("train", "mlp", "diabetes", "--optimizer", "sgd", "--learning-rate", "1e6")
    done = mlzoo(*command)
    refused(done, 5, "in epoch 1, step 2; the learning rate 1e+06 is likely too high")
    assert "no epoch was finished, so no weights are kept" in done.cause
    assert left_behind(tmp_path) == []


def test_divergence_keeps_the_best_weights(mlzoo: Mlzoo, tmp_path: Path) -> None:
    done = mlzoo(
        *("train", "linear", "diabetes", "--optimizer", "sgd", "--learning-rate", 2),
        *("--early-stopping", 0, "--epochs", 200, "--batch-size", "full", "--name", "x"),
    )
    refused(done, 5, "; the best weights so far (epoch ")
    kept = tmp_path / "saved_models" / "x.partial" / "model.keras"
    assert str(kept.relative_to(tmp_path)) in done.cause
    model = keras.models.load_model(kept, compile=False)
    assert all(bool(keras.ops.all(keras.ops.isfinite(w))) for w in model.weights)


# -- Finished runs


def test_a_damaged_model(mlzoo: Mlzoo, run: Path) -> None:
    model = run / "model.keras"
    model.write_bytes(model.read_bytes()[:1000])
    refused(mlzoo("evaluate", run), 3, "run/model.keras is damaged: it is no whole Keras archive")


def test_a_model_with_a_lambda_runs_no_code(mlzoo: Mlzoo, run: Path, tmp_path: Path) -> None:
    mark = str(tmp_path / "hacked")
    inputs = keras.Input((3,))
    layer = keras.layers.Lambda(lambda x: [x, open(mark, "w")][0], output_shape=(3,))
    keras.Model(inputs, keras.layers.Dense(2)(layer(inputs))).save(run / "model.keras")
    Path(mark).unlink(missing_ok=True)
    refused(mlzoo("predict", run, "d/ok.csv"), 2, "run/model.keras holds Python code")
    assert not Path(mark).exists()


def test_a_damaged_record(mlzoo: Mlzoo, run: Path) -> None:
    (run / "data.json").write_text('{"task": ')
    refused(mlzoo("predict", run, "d/ok.csv"), 3, "run/data.json is damaged: it is not valid JSON")


def test_a_run_without_metrics(mlzoo: Mlzoo, run: Path, runs: Path) -> None:
    (run / "metrics.json").unlink()
    refused(mlzoo("compare", run, runs / "table"), 2, "metrics.json")


def test_predicting_a_table_without_a_column(mlzoo: Mlzoo, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("a,color\n1,red\n")
    done = mlzoo("predict", runs / "table", "new.csv")
    refused(done, 3, "the table lacks the column 'b' that the model takes; it has 'a', 'color'")


def test_predicting_what_is_not_there(mlzoo: Mlzoo, runs: Path) -> None:
    refused(mlzoo("predict", runs / "table", "new.csv"), 2, "'new.csv' is not there (looked at ")
    refused(mlzoo("predict", runs / "table", "iris"), 2, "data sets are named to train on them")


def test_predicting_bad_images(mlzoo: Mlzoo, runs: Path) -> None:
    refused(mlzoo("predict", runs / "images", "d/truncated"), 3, "a/cut.jpg: cut short or damaged")


def test_evaluating_an_unknown_class(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo("evaluate", runs / "images", "d/truncated")
    refused(done, 3, "class 'a', 'b' is unknown to the model, which has 'crack', 'sound'")


@pytest.mark.slow
def test_evaluating_data_that_have_changed(mlzoo: Mlzoo, runs: Path, tmp_path: Path) -> None:
    copy = tmp_path / "t.csv"
    copy.write_text(Path("d/ok.csv").read_text())
    assert mlzoo("train", "linear", "t.csv", "--target", "y", "--epochs", 1).code == 0
    copy.write_text(copy.read_text().replace("red", "blue", 1))
    refused(mlzoo("evaluate", "saved_models/linear-t"), 3, "t.csv has changed since the run was")
    copy.unlink()
    gone = mlzoo("evaluate", "saved_models/linear-t")
    refused(gone, 3, "t.csv, which is not there (looked at ")
    words = ("explain", "saved_models/linear-t", "--method", "saliency", "--data", "d/ok.csv")
    assert mlzoo(*words, "--limit", 1, "--no-evidence").code == 0


# -- In a process of its own


def test_a_backend_that_is_not_there(tmp_path: Path) -> None:
    done = process("train", "mlp", "digits", cwd=tmp_path, KERAS_BACKEND="nonsense")
    refused(done, 2, "Keras can't load its backend 'nonsense' (KERAS_BACKEND)")
    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_codes_and_streams_of_a_real_process(world: Path, tmp_path: Path) -> None:
    for words, code, fragment in [
        (("train", "cn", "digits"), 2, "did you mean 'cnn'?"),
        (("train", "cnn", world / "truncated"), 3, "a/cut.jpg: cut short or damaged"),
    ]:
        done = process(*words, cwd=tmp_path)
        refused(done, code, fragment)
        assert "\r" not in done.err and "\x1b" not in done.err
    assert left_behind(tmp_path) == []


def test_a_fault_of_ours_says_so_and_shows_the_place_on_request(
    mlzoo: Mlzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlzoo.runs.config_loading.merge", lambda *_, **__: 1 / 0)
    done = mlzoo("train", "cnn", "digits")
    assert done.code == 1
    assert done.errors[0] == "ZeroDivisionError: division by zero"
    assert "Traceback" not in done.err
    monkeypatch.setenv("MLZOO_DEBUG", "1")
    assert "Traceback" in mlzoo("train", "cnn", "digits").err
