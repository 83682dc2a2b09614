"""Write a small network as a TorchScript program, to be trained by PtychoKit.

    python make_net.py net.pt
    ptychokit train scan.npz -o run -s generator.name=torchscript -s generator.file=net.pt

It needs PyTorch, of the version that PtychoKit is built with (cmake/versions.txt); training needs no Python.
"""
import sys

import torch
from torch import nn


class Net(nn.Module):
    """A U-shaped network on a frame's amplitudes and on their autocorrelation, where the shape of what was hit is seen in place.

    Each frame is seen alone (C = 1); any side that 4 divides.
    """

    def __init__(self, width: int = 10):
        super().__init__()
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 2 * width, 4, stride=2, padding=1)
        self.middle = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, 2 * width, 2, stride=2)
        self.up2 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.leave = nn.Conv2d(2 * width, 2, 3, padding=1)
        # The object begins as empty space: 1 + 0 i.
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.leave.weight.data += 0.01 * torch.randn_like(self.leave.weight)

    def forward(self, amplitudes: torch.Tensor):
        intensity = torch.fft.ifftshift(amplitudes.square(), dim=[-2, -1])
        correlation = torch.fft.fftshift(torch.fft.ifft2(intensity, norm="ortho"), dim=[-2, -1])
        size = correlation.abs().amax(dim=[-2, -1], keepdim=True) + 1e-6
        correlation = correlation / size
        full = torch.relu(self.enter(torch.cat([amplitudes, correlation.real, correlation.imag], dim=1)))
        half = torch.relu(self.down1(full))
        low = torch.relu(self.middle(torch.relu(self.down2(half))))
        half = half + torch.relu(self.up1(low))
        images = self.leave(torch.cat([full, torch.relu(self.up2(half))], dim=1))
        return 1 + images[:, :1], images[:, 1:]


def main():
    torch.manual_seed(0)
    net = Net()
    torch.jit.script(net).save(sys.argv[1] if len(sys.argv) > 1 else "net.pt")
    print(sum(p.numel() for p in net.parameters()), "parameters")


if __name__ == "__main__":
    main()
