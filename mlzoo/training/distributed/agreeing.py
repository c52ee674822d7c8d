"""Comparison of the data, files and settings of processes that train together."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand
from mlzoo.data.policies import adds_generated, generator_of
from mlzoo.training.distributed.group import current, settings_of
from mlzoo.training.starting.folder import files_read
from mlzoo.training.starting.generated_samples import digest_of

if TYPE_CHECKING:
    from mlzoo.data.samples import Data


def agree_on(config: RunConfig, data: Data) -> None:
    """Check that all processes train on the same data with the same settings.

    Raises:
        UsageError: they differ, or these data are not trained on in batches.
    """
    group = current()
    if data.samples.problem is not None or data.samples.environment is not None:
        raise UsageError(
            f"--world is not for {data.samples.task}: it shares out batches of samples"
        )
    split = json.dumps([part.indices.tolist() for part in (data.train, data.valid, data.test)])
    facts = {"fingerprint of the data": data.fingerprint[:12]}
    facts |= {"split of the data": hashlib.sha256(split.encode()).hexdigest()[:12]}
    group.agree(facts | contents_of(config, data) | settings_of(config))


def contents_of(config: RunConfig, data: Data) -> dict[str, str]:
    """Return digests of what files beside the data hold, by their names: paths may differ."""
    read = [(Path(path).name, digest) for path, digest in files_read(config).items()]
    if adds_generated(config.augment):
        run = expand(generator_of(str(config.augment))[0])
        read.append((run.name, digest_of(run)))
    if data.policy.steps:
        steps = json.dumps(data.policy.steps, sort_keys=True)
        read.append(("--augment", hashlib.sha256(steps.encode()).hexdigest()))
    contents: dict[str, str] = {}
    for name, digest in read:
        before = contents.get(f"contents of {name}")
        contents[f"contents of {name}"] = f"{before} {digest[:12]}" if before else digest[:12]
    return contents
