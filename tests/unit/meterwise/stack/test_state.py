"""What a stack remembers, and that one home has one stack."""

import socket
import stat
from pathlib import Path

import pytest

from meterwise.stack.processes import StackError
from meterwise.stack.state import HOST, StackState, is_free, is_running, take_lock


def test_ports_and_secrets_are_remembered_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    state = StackState()
    state.choose_ports()
    state.save(tmp_path)

    again = StackState.load(tmp_path)

    assert again == state
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600


def test_a_port_that_someone_else_uses_is_left_alone() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        state = StackState(ports={"airflow": taken})

        state.choose_ports()

    assert state.ports["airflow"] != taken
    assert len(set(state.ports.values())) == len(state.ports)
    assert all(is_free(port) for port in state.ports.values())


def test_two_stacks_on_one_home_are_refused(tmp_path: Path) -> None:
    lock = take_lock(tmp_path)

    with pytest.raises(StackError, match="already runs on"):
        take_lock(tmp_path)

    assert is_running(tmp_path)
    lock.close()
    assert not is_running(tmp_path)


def test_two_stacks_that_choose_at_the_same_moment_get_different_ports() -> None:
    one, other = StackState(), StackState()
    claims = one.choose_ports()
    other.choose_ports()  # no server of the first listens yet

    assert set(one.ports.values()).isdisjoint(other.ports.values())
    claims.close()
    again = StackState(ports=one.ports)
    again.choose_ports()
    assert again.ports == one.ports
