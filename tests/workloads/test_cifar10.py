"""CIFAR-10 from a small archive in its own format: lazy, exact, and clear about what is missing."""

import hashlib
import pickle
import sys
import tarfile
from dataclasses import replace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR10

from flopsfit_tui.core.trial import Request
from flopsfit_tui.sweep.job import Train, make_plan, run_job
from flopsfit_tui.workloads import cifar10, resolve
from flopsfit_tui.workloads.cifar10 import MEAN, STD, CIFAR10Dataset, augment, normalise

EACH = 12  # images in each of the six files
pytestmark = pytest.mark.filterwarnings("ignore:.*filter extracted tar archives:DeprecationWarning")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A directory with cifar-10-python.tar.gz as it is published, but small."""
    folder = tmp_path / "made" / CIFAR10.base_folder
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    sums = {}
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        pixels = draw.integers(256, size=(EACH, 3072), dtype=np.uint8)
        entry = {"batch_label": name, "labels": draw.integers(10, size=EACH).tolist(), "data": pixels}
        sums[name] = write(folder / name, entry)
    sums["batches.meta"] = write(folder / "batches.meta", {"label_names": list("abcdefghij")})
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with tarfile.open(data_dir / CIFAR10.filename, "w:gz") as packed:
        packed.add(folder, CIFAR10.base_folder)
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5((data_dir / CIFAR10.filename).read_bytes()))
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name, _ in CIFAR10.train_list])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
    monkeypatch.setattr(cifar10, "IMAGES", {True: 5 * EACH, False: EACH})
    return data_dir


def write(path, content):
    path.write_bytes(pickle.dumps(content))
    return md5(path.read_bytes())


def md5(content):
    return hashlib.md5(content).hexdigest()


def first_file(archive):
    return pickle.loads((archive / CIFAR10.base_folder / "data_batch_1").read_bytes())


def test_constructing_reads_and_downloads_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cifar10, "read", lambda *_: pytest.fail("it was read"))
    assert len(CIFAR10Dataset()) == 50_000
    assert CIFAR10Dataset(train=False).samples == 10_000
    assert resolve("vit-cifar10").val_dataset.samples == 2048
    assert list(tmp_path.iterdir()) == []


def test_as_a_torch_dataset(archive):
    data = CIFAR10Dataset(data_dir=archive)
    assert len(data) == 60
    image, label = data[3]
    published = first_file(archive)
    assert label == published["labels"][3]
    assert image.dtype == torch.float32
    pixels = torch.from_numpy(published["data"][3].reshape(3, 32, 32)).float() / 255
    expected = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    assert torch.allclose(image, expected, atol=1e-5)
    images, labels = next(iter(DataLoader(data, batch_size=20)))
    assert images.shape == (20, 3, 32, 32)
    assert labels.shape == (20,)
    assert torch.equal(data[-1][0], data[59][0])
    with pytest.raises(IndexError, match="image 60 of 60"):
        data[60]


def test_held_out_images_are_the_test_set_as_it_is(archive):
    held_out = CIFAR10Dataset(data_dir=archive).held_out(10)
    batches = list(held_out.once(4))
    assert [len(y) for _, y in batches] == [4, 4, 2]
    assert torch.equal(batches[1][0][0], held_out[4][0])
    assert torch.equal(
        next(held_out.batches(10, 0))[0].sort(0).values, torch.cat([x for x, _ in batches]).sort(0).values
    )


def test_batches_are_drawn_by_seed_and_an_epoch_sees_every_image(archive, monkeypatch):
    data = CIFAR10Dataset(data_dir=archive)
    again, other = data.batches(8, seed=1), data.batches(8, seed=2)
    for (x, y), (x2, y2), _ in zip(data.batches(8, seed=1), again, range(20), strict=False):
        assert torch.equal(x, x2)
        assert torch.equal(y, y2)
    assert not torch.equal(x, next(other)[0])
    monkeypatch.setattr(cifar10, "augment", lambda images, draw: images)
    batches = data.batches(8, seed=1)
    drawn = torch.cat([next(batches)[0] for _ in range(15)])  # two epochs of 60, across a batch
    for epoch in (drawn[:60], drawn[60:]):
        assert len(epoch.flatten(1).unique(dim=0)) == 60
    assert not torch.equal(drawn[:60], drawn[60:])


def test_training_images_are_moved_and_mirrored():
    image = np.zeros((1, 3, 32, 32), dtype=np.uint8)
    image[0, :, 16, 16] = 255
    moved = augment(image.repeat(2000, 0), np.random.default_rng(0))
    assert moved.shape == (2000, 3, 32, 32)
    _, rows, columns = np.nonzero(moved[:, 0])
    assert set(rows) == set(range(12, 21))  # 4 up to 4 down
    assert set(columns) == set(range(11, 21))  # and mirrored about 15.5
    assert np.array_equal(moved[:, 0], moved[:, 2])


def test_normalising_needs_no_copy_of_the_data_set():
    assert normalise(np.full((2, 3, 4, 4), 128, dtype=np.uint8)).shape == (2, 3, 4, 4)
    assert normalise(np.zeros((1, 3, 1, 1), dtype=np.uint8))[0, 0].item() == pytest.approx(-0.4914 / 0.2470, rel=1e-5)


def test_another_process_gets_the_path_not_the_pixels(archive):
    data = CIFAR10Dataset(data_dir=archive)
    data.load()
    sent = pickle.dumps(data)
    assert len(sent) < 2000
    assert torch.equal(pickle.loads(sent)[5][0], data[5][0])


def test_a_trial_of_vit_cifar10_trains_on_it(archive):
    data = CIFAR10Dataset(data_dir=archive)
    workload = replace(resolve("vit-cifar10"), dataset=data, val_dataset=data.held_out(), budgets=(5e8,))
    plan = make_plan(Request(workload, sizes=(8,)))
    (trial,) = plan.trials
    assert plan.dataset_samples == 60
    assert plan.epochs(trial) > 2
    *_, ended = run_job(Train(workload, trial, plan.recipe, "cpu"))
    assert ended.outcome.status == "finished", ended.outcome.error
    assert ended.outcome.first_loss == pytest.approx(2.3026, rel=1e-4)


def test_no_network_is_one_sentence_with_the_offline_alternatives(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    with pytest.raises(ValueError, match="CIFAR-10 is not in .*Name or service not known.*vit-textures and gpt-bytes"):
        CIFAR10Dataset(data_dir=tmp_path)[0]


def test_a_broken_download_is_refused(archive):
    (archive / CIFAR10.filename).write_bytes(b"half")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torchvision.datasets.utils._urlretrieve", lambda url, path: None)
        patch.setattr("torchvision.datasets.utils._get_redirect_url", lambda url, **_: url)
        with pytest.raises(ValueError, match="could not be downloaded .*corrupted"):
            CIFAR10Dataset(data_dir=archive).load()


@pytest.mark.parametrize(
    "error", [RuntimeError("operator torchvision::nms does not exist"), ImportError("No module named 'torchvision'")]
)
def test_a_torchvision_that_does_not_load_is_one_sentence(error, tmp_path, monkeypatch):
    class Finder:
        def find_spec(self, name, path, target=None):
            if name.startswith("torchvision"):
                raise error

    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(
        ValueError, match="does not load beside torch .*install the torchvision that belongs to it.*vit-textures"
    ):
        CIFAR10Dataset(data_dir=tmp_path).load()
