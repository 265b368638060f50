"""What a token costs, as a smooth function of size."""

import numpy as np
import pytest

from flopsfit_tui.fit import cost_of_tokens


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_slope_is_the_derivative(k):
    cost = cost_of_tokens([5e3, 1e4, 3e4, 1e5, 4e5][:k], [3.3e4, 6e4, 1.7e5, 5.8e5, 2.3e6][:k])
    n = np.linspace(np.log(1e3), np.log(1e8), 501)
    numeric = (cost.log_cost(n + 1e-6) - cost.log_cost(n - 1e-6)) / 2e-6
    assert np.allclose(cost.log_cost_and_slope(n)[1], numeric, atol=1e-6)
