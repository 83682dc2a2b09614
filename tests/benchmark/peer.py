"""The generators cnn, fno and hybrid_resnet once more, as they are written in eager PyTorch: what generator_table.py
compares with.

python3 peer.py NAME SIDE CHANNELS predict|train SECONDS [FRAMES_AT_ONCE]    (as generator_run; prints the same JSON)

Layers of torch.nn with PyTorch's own layouts; the same training step as generator_run: prediction, far field of three
modes, squared difference of amplitudes over the counts, gradients, one step of Adam (fused where it can be).
"""
import json
import sys
import time

import torch
from torch import nn

SCALE = 2
WIDTH = 32
MODES = 12
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


class Spectral(nn.Module):
    """The lowest frequencies of both axes through complex weights (Li et al., ICLR 2021)."""

    def __init__(self, channels):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(channels, channels, MODES, MODES, dtype=torch.complex64) / channels**0.5)

    def forward(self, x):
        spectrum = torch.fft.rfft2(x)
        rows, columns = min(MODES, spectrum.shape[2]), min(MODES, spectrum.shape[3])
        mixed = torch.zeros_like(spectrum)
        mixed[:, :, :rows, :columns] = torch.einsum("bixy,ioxy->boxy", spectrum[:, :, :rows, :columns],
                                                    self.weights[:, :, :rows, :columns])
        return torch.fft.irfft2(mixed, s=x.shape[2:])


class FourierBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.spectral, self.local = Spectral(channels), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + nn.functional.gelu(self.spectral(x) + self.local(x))


def lifter(channels):
    return [nn.Conv2d(channels, WIDTH, 3, padding=1), nn.GELU(), nn.Conv2d(WIDTH, WIDTH, 3, padding=1)]


def as_complex(images):
    first, second = images.chunk(2, 1)
    return torch.complex(first, second)


class Fno(nn.Module):
    def __init__(self, side, channels):
        super().__init__()
        refiners = [layer for _ in range(2) for layer in (nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.GELU())]
        self.layers = nn.Sequential(*lifter(channels), *(FourierBlock(WIDTH) for _ in range(4)),
                                    nn.Conv2d(WIDTH, WIDTH, 1), *refiners, nn.Conv2d(WIDTH, 2 * channels, 1))

    def forward(self, x):
        return as_complex(self.layers(x))


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()

        def half():
            return [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels, affine=True)]

        self.body = nn.Sequential(*half(), nn.GELU(), *half())

    def forward(self, x, factor):
        return x + factor * self.body(x)


class HybridResnet(nn.Module):
    def __init__(self, side, channels):
        super().__init__()
        encoder = lifter(channels)
        for i in range(4):
            width = WIDTH << min(i, 2)
            encoder.append(FourierBlock(width))
            if i < 2:
                encoder.append(nn.Conv2d(width, 2 * width, 2, stride=2))
        self.encoder = nn.Sequential(*encoder)
        self.factor = nn.Parameter(torch.tensor(0.1))
        self.trunk = nn.ModuleList(Residual(4 * WIDTH) for _ in range(6))
        decoder = []
        for width in (4 * WIDTH, 2 * WIDTH):
            decoder += [nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1),
                        nn.InstanceNorm2d(width // 2, affine=True), nn.GELU()]
        self.decoder = nn.Sequential(*decoder, nn.Conv2d(WIDTH, 2 * channels, 1))

    def forward(self, x):
        x = self.encoder(x)
        for block in self.trunk:
            x = block(x, self.factor)
        return as_complex(self.decoder(x))


NETWORKS = {"cnn": Cnn, "fno": Fno, "hybrid_resnet": HybridResnet}


def intensity(patches, probe):
    field = torch.fft.fft2(patches.unsqueeze(-3) * probe, norm="ortho")
    return torch.fft.fftshift(field.abs().square().sum(-3), (-2, -1))


def seconds():
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def status_mb(key):
    with open("/proc/self/status") as file:
        return next(float(line.split()[1]) / 1024 for line in file if line.startswith(key + ":"))


def main():
    name, side, channels, mode, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], float(sys.argv[5])
    frames = int(sys.argv[6]) if len(sys.argv) > 6 else 16
    torch.manual_seed(1)
    before = status_mb("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    net = NETWORKS[name](side, channels)
    groups = frames // channels
    amplitude = torch.rand(groups, channels, side, side)
    probe = torch.randn(groups, channels, 3, side, side, dtype=torch.complex64)

    def predict():
        with torch.inference_mode():
            net(amplitude)

    real = not any(p.is_complex() for p in net.parameters())
    adam = torch.optim.Adam(net.parameters(), 1e-4, fused=real or None)

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
    print(json.dumps({"generator": name, "side": side, "channels": channels, "mode": mode,
                      "frames_per_s": frames / least, "peak_mb": status_mb("VmHWM") - before,
                      "parameters": sum(p.numel() for p in net.parameters()), "threads": torch.get_num_threads(),
                      "torch": torch.__version__}))


if __name__ == "__main__":
    main()
