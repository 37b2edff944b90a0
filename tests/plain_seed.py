"""The published fusion network, written step by step on pytorch-wavelets: the seed's reference."""

import torch
from pytorch_wavelets import DWTForward, DWTInverse
from torch import Tensor, nn

from fusion_core.model import FusionNet


class PlainSeed(nn.Module):
    """Decompose both images, look at both LL bands, blend band by band, reconstruct.

    ``mask_net`` has the published layers, so its state dict has the published names.
    """

    def __init__(self, wavelet: str = "haar") -> None:
        super().__init__()
        self.dwt = DWTForward(J=1, wave=wavelet, mode="symmetric")
        self.idwt = DWTInverse(wave=wavelet, mode="symmetric")
        self.mask_net = nn.Sequential(
            nn.Conv2d(2, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 4, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, ct: Tensor, mri: Tensor) -> tuple[Tensor, Tensor]:
        """Fused images (B, 1, H, W) and masks (B, 4, h, w) of image batches (B, 1, H, W)."""
        ct_low, ct_high = self.dwt(ct)
        mri_low, mri_high = self.dwt(mri)
        masks = self.mask_net(torch.cat([ct_low, mri_low], dim=1))
        low = masks[:, 0:1] * ct_low + (1 - masks[:, 0:1]) * mri_low
        high = []
        for band in range(3):
            mask = masks[:, band + 1 : band + 2]
            high.append(mask * ct_high[0][:, :, band] + (1 - mask) * mri_high[0][:, :, band])
        return self.idwt((low, [torch.stack(high, dim=2)])), masks

    def copy_weights(self, model: FusionNet) -> "PlainSeed":
        """Take over the weights of a FusionNet of the same layers."""
        net = model.mask_nets[0]
        self.mask_net.load_state_dict(net.layers.state_dict())  # type: ignore[union-attr]
        return self.eval()
