"""A loaded model: its metadata, its network, and its predictions over whole series.

Decisions from probabilities are the simulation's matter; the file's bytes are `archive`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ktrdr_engine.errors import ModelError, ModelExists, StorageError
from ktrdr_engine.inference.agreement import differences
from ktrdr_engine.inference.archive import MAX_BYTES, pack, unpack
from ktrdr_engine.inference.metadata import CLASSES, ModelMetadata
from ktrdr_engine.inference.network import rows_at_once

if TYPE_CHECKING:
    from ktrdr_engine.features.matrix import FeatureMatrix
    from ktrdr_engine.features.plan import FeaturePlan


@dataclass(frozen=True)
class ModelBundle:
    """A network that is ready to predict, and what it is.

    Guarantees: nothing in it changes; any number of threads may predict at once.

    Attributes:
        sha256: Of the file's bytes; of the bytes the file would have when it was never saved.
    """

    metadata: ModelMetadata
    network: nn.Sequential
    sha256: str

    @classmethod
    def of(cls, metadata: ModelMetadata, network: nn.Sequential) -> ModelBundle:
        """Return a bundle of a network that was just trained."""
        return cls(metadata, network.eval(), hashlib.sha256(pack(metadata, network)).hexdigest())

    def require(self, plan: FeaturePlan) -> None:
        """Check that `plan` computes exactly the features this model was trained on.

        Raises:
            ModelError: It does not; the message names the first differences.
        """
        found = differences(self.metadata.feature_plan, plan)
        if found:
            shown = "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
            raise ModelError(
                f"The model was trained on other features than the strategy gives: {shown}. "
                f"Use a model trained for this strategy, or train it again.",
                details={"differences": found, "model_strategy": self.metadata.strategy_name},
            )

    def predict(self, matrix: FeatureMatrix, *, on_chunk: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Return the probabilities of BUY, HOLD and SELL.

        The work goes in chunks of a fixed number of rows, the last one padded, in this thread alone: a row's bits
        depend on its features and its place in the series, not on the series' length nor on the thread.

        Args:
            matrix: The features, shape (n_rows, n_features), before normalisation.
            on_chunk: Called after each chunk with the number of rows done; what it raises ends the prediction.

        Returns:
            float32, shape (n_rows, 3), each row summing to 1; NaN in the rows where any feature is NaN.
        """
        rows, group = len(matrix), rows_at_once(self.network)
        probabilities = np.empty((rows, len(CLASSES)), dtype=np.float32)
        normalization = self.metadata.normalization
        shift, scale = torch.tensor(normalization.shift), torch.tensor(normalization.scale)
        # Made by torch, which aligns it: the same sums take the same path every time.
        chunk = torch.zeros((group, matrix.n_features), dtype=torch.float32)
        view = chunk.numpy()
        for start in range(0, rows, group):
            stop = min(start + group, rows)
            view[: stop - start] = matrix.rows(start, stop)
            view[stop - start :] = 0
            with torch.inference_mode():
                logits = self.network(chunk.sub_(shift).mul_(scale))
                # Class by class: torch's softmax along so short an axis takes as long as the network.
                answers = torch.softmax(logits.t(), dim=0).t()
            probabilities[start:stop] = answers.numpy()[: stop - start]
            if on_chunk is not None:
                on_chunk(stop)
        return probabilities


def load_bundle(path: Path) -> ModelBundle:
    """Read a model file. Nothing in it is run, whoever wrote it.

    Raises:
        ModelError: The file is missing, too large, damaged, unsafe, of another format, or contradicts itself.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise ModelError(
                    f"{path.name}: {size / 2**20:.0f} MB is more than a model file may have ({MAX_BYTES // 2**20} MB). "
                    "Train a smaller network.",
                    details={"model": path.name, "bytes": size},
                )
            content = file.read(MAX_BYTES)
    except OSError as error:
        raise ModelError(f"{path.name}: cannot be read ({error.strerror}).", details={"model": path.name}) from error
    metadata, network = unpack(content, path.name)
    return ModelBundle(metadata, network, hashlib.sha256(content).hexdigest())


def _give_name(temporary: Path, path: Path) -> None:
    """Let a file that is complete appear as `path`, of which there must be none.

    Raises:
        FileExistsError: There is one.
        OSError: The folder cannot be written.
    """
    try:
        # A link, unlike a rename, never replaces what is there.
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems (FAT, network shares, some containers) know no links: an empty file holds the name until
        # the whole one takes its place.
        path.open("xb").close()
        try:
            temporary.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def save_bundle(bundle: ModelBundle, path: Path) -> None:
    """Write the model to a file that does not exist yet: whole or not at all, durably.

    Raises:
        ModelExists: `path` exists already; a model is never overwritten.
        StorageError: The folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(pack(bundle.metadata, bundle.network))
            file.flush()
            os.fsync(file.fileno())
        _give_name(temporary, path)
    except FileExistsError:
        raise ModelExists(
            f"{path.name} exists already and a model is never overwritten: choose another name or remove it first.",
            details={"model": path.name},
        ) from None
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}): make room or make the folder writable."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
