"""What a GPU drew, through NVIDIA's own Python package: only the driver's C library below it is stood in for."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pynvml
import pytest

from tuner.worker.energy import Meter

CARD, SLICE = 0x1000, 0x2000
NO_SUCH_CARD = 2


@dataclass(slots=True)
class Driver:
    """libnvidia-ml with two cards; the second may be cut into slices (MIG), which have no counter of their own."""

    counters_mj: Iterator[int]
    supported: bool = True
    asked: list[str] = field(default_factory=list)

    def nvmlInitWithFlags(self, flags: int) -> int:
        return int(pynvml.NVML_SUCCESS)

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:
        self.asked.append(f"index {index.value}")
        give(handle, CARD + index.value)
        return int(pynvml.NVML_SUCCESS if index.value < NO_SUCH_CARD else pynvml.NVML_ERROR_INVALID_ARGUMENT)

    def nvmlDeviceGetHandleByUUID(self, uuid: Any, handle: Any) -> int:
        name = uuid.value.decode()
        self.asked.append(name)
        give(handle, SLICE if name.startswith("MIG-") else CARD)
        return int(pynvml.NVML_SUCCESS)

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle: Any, parent: Any) -> int:
        give(parent, CARD)
        return int(pynvml.NVML_SUCCESS)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, counter: Any) -> int:
        if not self.supported or number_of(handle) == SLICE:
            return int(pynvml.NVML_ERROR_NOT_SUPPORTED)
        counter._obj.value = next(self.counters_mj)
        return int(pynvml.NVML_SUCCESS)


def give(handle: Any, number: int) -> None:
    """Writes a card into the handle that was passed by reference."""
    ctypes.cast(ctypes.addressof(handle._obj), ctypes.POINTER(ctypes.c_void_p))[0] = number


def number_of(handle: Any) -> int:
    return int(ctypes.cast(handle, ctypes.c_void_p).value or 0)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver(iter([1_000_000, 1_500_000, 1_700_000, 4]))
    monkeypatch.setattr(pynvml, "nvmlLib", made)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return made


def test_the_joules_are_those_since_the_last_look(driver: Driver) -> None:
    meter = Meter()
    meter.start("cuda")
    assert [meter.spent_j(), meter.spent_j()] == [500.0, 200.0]
    assert driver.asked == ["index 0"]


def test_a_counter_that_was_set_back_tells_nothing(driver: Driver) -> None:
    meter = Meter()
    meter.start("cuda")
    assert [meter.spent_j(), meter.spent_j(), meter.spent_j()] == [500.0, 200.0, None]


@pytest.mark.parametrize(("visible", "asked"), [
    ("1,0", "index 1"), ("GPU-5f1c", "GPU-5f1c"), ("MIG-77aa", "MIG-77aa"), ("", "index 0"),
])
def test_the_card_that_cuda_shows_first_is_read(
    driver: Driver, visible: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a slice, the whole card's counter: a slice has none."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    meter = Meter()
    meter.start("cuda")
    assert driver.asked == [asked]
    assert meter.spent_j() == 500.0


def test_a_card_without_a_counter_tells_nothing(driver: Driver) -> None:
    driver.supported = False
    meter = Meter()
    meter.start("cuda")
    assert meter.spent_j() is None


def test_a_card_that_is_not_there_tells_nothing(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    meter = Meter()
    meter.start("cuda")
    assert meter.spent_j() is None
    assert driver.asked == ["index 7"]


def test_a_machine_without_nvidias_library_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise OSError(name)

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", missing)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    meter = Meter()
    meter.start("cuda")
    assert meter.spent_j() is None
