"""The generator cnn once more, as it is written in eager PyTorch: what generator_table.py compares with.

python3 peer_cnn.py SIDE CHANNELS predict|train SECONDS    (as generator_run; prints the same JSON)

Layers of torch.nn with PyTorch's own layouts; the same training step as generator_run: prediction, far field of three
modes, squared difference of amplitudes over the counts, gradients, one step of Adam (fused where it can be).
"""
import json
import sys
import time

import torch
from torch import nn

FRAMES = 16
SCALE = 2
ENCODER = {64: [32, 64, 128], 128: [16, 32, 64, 128], 256: [8, 16, 32, 64, 128]}
DECODER = {64: [128, 64, 32], 128: [128, 128, 64, 32], 256: [128, 256, 128, 64, 32]}


def pair(inside, outside):
    return nn.Sequential(nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(outside, outside, 3, padding=1), nn.ReLU())


class Gates(nn.Module):
    """CBAM (Woo et al., ECCV 2018): a gate for each channel, then one for each pixel."""

    def __init__(self, channels):
        super().__init__()
        self.of_channel = nn.Sequential(nn.Linear(channels, channels // 16), nn.ReLU(), nn.Linear(channels // 16, channels))
        self.of_pixel = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x):
        scores = self.of_channel(x.mean((2, 3))) + self.of_channel(x.amax((2, 3)))
        x = x * torch.sigmoid(scores)[:, :, None, None]
        return x * torch.sigmoid(self.of_pixel(torch.cat([x.amax(1, True), x.mean(1, True)], 1)))


class Last(nn.Module):
    """From half the side to the whole: the first channels make the centre, the last ones the border."""

    def __init__(self, channels, outside, activation):
        super().__init__()
        self.outer, self.activation = outside, activation
        self.centre = nn.Conv2d(channels - outside, outside, 3, padding=1)
        self.widen = pair(outside, channels)
        self.border = nn.Conv2d(channels, outside, 3, padding=1)

    def forward(self, x):
        quarter, half = x.shape[-1] // 2, x.shape[-1]
        centre = nn.functional.pad(self.activation(self.centre(x[:, :-self.outer])), [quarter] * 4)
        wide = nn.functional.interpolate(self.widen(x[:, -self.outer:]), scale_factor=2)
        border = nn.functional.silu(self.border(wide))
        mask = torch.ones(2 * half, 2 * half)
        mask[quarter:quarter + half, quarter:quarter + half] = 0
        return centre + border * mask


class Decoder(nn.Module):
    def __init__(self, ladder, outside, activation):
        super().__init__()
        self.blocks = nn.ModuleList(pair(a * SCALE, b * SCALE) for a, b in zip(ladder, ladder[1:]))
        self.last = Last(ladder[-1] * SCALE, outside, activation)

    def forward(self, x):
        for block in self.blocks:
            x = nn.functional.interpolate(block(x), scale_factor=2)
        return self.last(x)


class Cnn(nn.Module):
    def __init__(self, side, channels):
        super().__init__()
        ladder = [channels] + [SCALE * step for step in ENCODER[side]]
        self.pairs = nn.ModuleList(pair(a, b) for a, b in zip(ladder, ladder[1:]))
        self.gates = nn.ModuleList(Gates(b) for b in ladder[1:])
        self.amplitude = Decoder(DECODER[side], channels, nn.functional.silu)
        self.phase = Decoder(DECODER[side], channels, lambda x: torch.pi * torch.tanh(x))

    def forward(self, x):
        for convolutions, gates in zip(self.pairs, self.gates):
            x = nn.functional.max_pool2d(gates(convolutions(x)), 2)
        return torch.polar(self.amplitude(x), self.phase(x))


def intensity(patches, probe):
    field = torch.fft.fft2(patches.unsqueeze(-3) * probe, norm="ortho")
    return torch.fft.fftshift(field.abs().square().sum(-3), (-2, -1))


def seconds():
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def status_mb(key):
    with open("/proc/self/status") as file:
        return next(float(line.split()[1]) / 1024 for line in file if line.startswith(key + ":"))


def main():
    side, channels, mode, limit = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    torch.manual_seed(1)
    before = status_mb("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    net = Cnn(side, channels)
    groups = FRAMES // channels
    amplitude = torch.rand(groups, channels, side, side)
    probe = torch.randn(groups, channels, 3, side, side, dtype=torch.complex64)

    def predict():
        with torch.inference_mode():
            net(amplitude)

    adam = torch.optim.Adam(net.parameters(), 1e-4, fused=True)

    def train():
        adam.zero_grad()
        difference = intensity(net(amplitude), probe).clamp_min(1e-30).sqrt() - amplitude
        (difference.square().sum() / amplitude.square().sum()).backward()
        adam.step()

    work = train if mode == "train" else predict
    work()
    least, begin, rounds = 1e30, time.perf_counter(), 0
    while rounds < 3 or time.perf_counter() - begin < limit:
        start = seconds()
        work()
        least = min(least, seconds() - start)
        rounds += 1
    print(json.dumps({"generator": "cnn", "side": side, "channels": channels, "train": mode == "train",
                      "frames_per_s": FRAMES / least, "peak_mb": status_mb("VmHWM") - before,
                      "parameters": sum(p.numel() for p in net.parameters()), "threads": torch.get_num_threads(),
                      "torch": torch.__version__}))


if __name__ == "__main__":
    main()
