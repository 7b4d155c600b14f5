"""Trainings as operations. Light to import: arrays and torch arrive with the first request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.fields import request_subject
from ktrdr_engine.number_format import decimal, typed
from ktrdr_engine.operations.models import OperationType, Outcome
from ktrdr_engine.operations.orchestrator import ServiceOrchestrator
from ktrdr_engine.training.job import TrainingJob, prepare
from ktrdr_engine.training.models import TrainingRequest
from ktrdr_engine.training.progress_bridge import FITTING, TrainingProgressBridge

if TYPE_CHECKING:
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.inference.bundle import ModelBundle
    from ktrdr_engine.inference.library import ModelLibrary
    from ktrdr_engine.operations.cancellation import CancellationToken
    from ktrdr_engine.operations.service import OperationsService
    from ktrdr_engine.operations.sources import Worker
    from ktrdr_engine.strategy.library import StrategyLibrary
    from ktrdr_engine.training.fitting import Epoch


class TrainingService(ServiceOrchestrator[TrainingRequest, TrainingJob, TrainingProgressBridge]):
    """Start trainings.

    Args:
        operations: Where the operations live.
        strategies: Returns the strategies; called in a thread, with the first request.
        models: The same for models; new ones are saved there.
        bars: The same for prices.
        worker: Where trainings run, if not here.
        remark: Said with every result, such as where the model lies; None: nothing.
    """

    operation_type = OperationType.TRAINING
    kind_word = "training"
    start_path = "/trainings/start"
    start_summary = "Start a training"
    request_model = TrainingRequest
    about = staticmethod(request_subject)

    def __init__(
        self,
        operations: OperationsService,
        *,
        strategies: Callable[[], StrategyLibrary],
        models: Callable[[], ModelLibrary],
        bars: Callable[[], BarStore],
        worker: Worker | None = None,
        remark: str | None = None,
    ) -> None:
        super().__init__(operations, worker=worker)
        self._strategies = strategies
        self._models = models
        self._bars = bars
        self._remarks = (remark,) if remark else ()

    async def run_training(self, request: TrainingRequest, *, idempotency_key: str | None = None) -> str:
        """Check `request`, start it and return the operation's id at once.

        Raises:
            InputError: The request cannot work; the message says what to repair. No operation exists.
            KtrdrError: As `start`.
        """
        operation = await self.start(request, idempotency_key=idempotency_key)
        return operation.operation_id

    def prepare(self, request: TrainingRequest) -> TrainingJob:
        """Find and check everything the request names, features and labels included."""
        return prepare(request, self._strategies(), self._models(), self._bars())

    def describe(self, job: TrainingJob) -> dict[str, Any]:
        """Return the request as understood: symbols, timeframes and seed filled in, how many rows and epochs."""
        material = job.material
        return {
            **job.request.model_dump(mode="json"),
            "symbols": list(material.symbols),
            "timeframes": list(job.strategy.config.feature_plan().timeframes),
            "model_name": job.model_stem,
            "seed": material.training.seed,
            "epochs": material.training.epochs,
            "rows": {part: len(rows.labels) for part, rows in material.rows.items()},
            "majority_baseline": {part: rows.majority_share for part, rows in material.rows.items()},
        }

    def make_bridge(self, operation_id: str, job: TrainingJob) -> TrainingProgressBridge:
        """Return the bridge for one run."""
        return TrainingProgressBridge(operation_id, job.strategy.name, job.material.training.epochs, job.batches)

    def run(self, job: TrainingJob, bridge: TrainingProgressBridge, token: CancellationToken) -> Outcome:
        """Train in this thread and save the model.

        A cancelled training saves its model too, under a name of its own: hours of work are not thrown away, and
        nothing uses half a training that was not asked for by that name.

        Raises:
            OperationCancelled: The token was cancelled; `partial` is the outcome so far, or None.
            EngineError: The training diverged.
            StorageError: The model cannot be saved.
        """
        from ktrdr_engine.inference.bundle import ModelBundle
        from ktrdr_engine.training.fitting import Listener
        from ktrdr_engine.training.results import epoch_values
        from ktrdr_engine.training.trainer import train_on

        epochs: list[Epoch] = []

        def on_epoch(epoch: Epoch) -> None:
            epochs.append(epoch)
            bridge.report_epoch(*epoch_values(epoch))

        listener = Listener(
            on_epoch,
            bridge.report_batch,
            on_examined=bridge.report_examined,
            on_scored=bridge.report_scored,
            should_stop=lambda: token.is_cancelled,
        )
        bridge.enter(FITTING)
        try:
            return self._saved(job, train_on(job.material, listener=listener), epochs)
        except OperationCancelled as stop:
            partial = self._saved(job, stop.partial, epochs) if isinstance(stop.partial, ModelBundle) else None
            raise OperationCancelled(stop.message, partial=partial) from None

    @staticmethod
    def headline(results: Mapping[str, Any]) -> str | None:
        """Return the line that stands for results in a list; None where they are not those of a training."""
        accuracy, baseline = results.get("test_accuracy"), results.get("test_majority_baseline")
        if not isinstance(accuracy, float | int) or not isinstance(baseline, float | int):
            return None
        told, majority = (typed(decimal(share, 2, 3)) for share in (accuracy, baseline))
        return f"test accuracy {told} (majority {majority}), {results.get('model_path')}"

    def _saved(self, job: TrainingJob, model: ModelBundle, epochs: list[Epoch]) -> Outcome:
        from ktrdr_engine.training.results import make_results

        stem = f"{job.model_stem}_partial" if model.metadata.partial else job.model_stem
        name = self._models().save(model, stem, job.strategy.config.version)
        results = make_results(job, model, f"models/{name}", epochs, self._remarks)
        plain = results.to_json()
        return Outcome(plain, results.tables, self.headline(plain))
