"""Random numbers depend on (seed, step, frame), and no two of those share any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging.randomness import generator
from realdenoise.schedulers.known import BACKWARD_STREAM

NUMBER = st.integers(0, 9)


@given(seed=st.integers(0, 2**32 - 1), high=st.integers(1, 9), step=NUMBER)
def test_the_upper_half_of_a_long_seed_is_not_taken_for_a_step(seed, high, step):
    long = generator(seed + (high << 32), step, 0).random(4)
    assert not np.array_equal(long, generator(seed, high, step).random(4))


@given(seed=st.integers(0, 2**64 - 1), step=NUMBER, frame=NUMBER, other_step=NUMBER, other_frame=NUMBER)
def test_the_way_back_up_has_a_stream_of_its_own(seed, step, frame, other_step, other_frame):
    back = generator(seed, BACKWARD_STREAM + step, frame).random(4)
    assert not np.array_equal(back, generator(seed, other_step, other_frame).random(4))


def test_negative_numbers_are_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        generator(0, -1)
