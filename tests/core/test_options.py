"""Options that need one another are refused in a sentence before anything is begun."""

import pytest

from flopsfit_tui.core.options import Options, check_cluster
from flopsfit_tui.core.trial import Request


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ray_address": "auto"}, "--ray-address needs --executor ray"),
        ({"executor": "ray", "slurm": (("partition", "gpu"),)}, "--slurm needs --executor slurm"),
        ({"gpus_per_trial": 1.0}, "need --executor ray or slurm"),
        ({"executor": "ray", "cpus_per_trial": 0.0}, "give --cpus-per-trial 1"),
    ],
)
def test_an_option_that_has_no_place_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        check_cluster(Options(Request("simulated"), **options))


def test_a_trial_on_ray_may_take_a_gpu_and_no_cpu():
    check_cluster(Options(Request("simulated"), executor="ray", cpus_per_trial=0.0, gpus_per_trial=0.5))
