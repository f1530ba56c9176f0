"""Branched networks: GoogLeNet with normalisation, and Inception v3, without auxiliary heads."""

from torch import nn

from synlearn.fennec.reference.blocks import Branches, classifier, conv_norm


def googlenet() -> nn.Module:
    """GoogLeNet (Szegedy et al., 2015), normalised, its "5 x 5" as 3 x 3, as distributed widely."""

    def block(inputs: int, one: int, *paths: int) -> nn.Module:
        squeeze_three, three, squeeze_five, five, pooled = paths
        return Branches(
            conv_norm(inputs, one, 1),
            nn.Sequential(conv_norm(inputs, squeeze_three, 1), conv_norm(squeeze_three, three, 3)),
            nn.Sequential(conv_norm(inputs, squeeze_five, 1), conv_norm(squeeze_five, five, 3)),
            nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv_norm(inputs, pooled, 1)),
        )

    pool = (3, 2, 0, 1, False, True)  # kernel, stride, padding, dilation, indices, rounded up
    return nn.Sequential(
        conv_norm(3, 64, 7, 2),
        nn.MaxPool2d(*pool),
        conv_norm(64, 64, 1),
        conv_norm(64, 192, 3),
        nn.MaxPool2d(*pool),
        block(192, 64, 96, 128, 16, 32, 32),
        block(256, 128, 128, 192, 32, 96, 64),
        nn.MaxPool2d(*pool),
        block(480, 192, 96, 208, 16, 48, 64),
        block(512, 160, 112, 224, 24, 64, 64),
        block(512, 128, 128, 256, 24, 64, 64),
        block(512, 112, 144, 288, 32, 64, 64),
        block(528, 256, 160, 320, 32, 128, 128),
        nn.MaxPool2d(2, stride=2, ceil_mode=True),
        block(832, 256, 160, 320, 32, 128, 128),
        block(832, 384, 192, 384, 48, 128, 128),
        classifier(1024),
    )


def inception_v3() -> nn.Module:
    """Inception v3 (Szegedy et al., 2016), for 299 x 299 images."""
    return nn.Sequential(
        conv_norm(3, 32, 3, 2, padding=0),
        conv_norm(32, 32, 3, padding=0),
        conv_norm(32, 64, 3),
        nn.MaxPool2d(3, stride=2),
        conv_norm(64, 80, 1),
        conv_norm(80, 192, 3, padding=0),
        nn.MaxPool2d(3, stride=2),
        _a(192, 32),
        _a(256, 64),
        _a(288, 64),
        Branches(
            conv_norm(288, 384, 3, 2, padding=0),
            nn.Sequential(
                conv_norm(288, 64, 1), conv_norm(64, 96, 3), conv_norm(96, 96, 3, 2, padding=0)
            ),
            nn.MaxPool2d(3, stride=2),
        ),
        *(_c(width) for width in (128, 160, 160, 192)),
        Branches(
            nn.Sequential(conv_norm(768, 192, 1), conv_norm(192, 320, 3, 2, padding=0)),
            nn.Sequential(*_long(768, 192), conv_norm(192, 192, 3, 2, padding=0)),
            nn.MaxPool2d(3, stride=2),
        ),
        _e(1280),
        _e(2048),
        classifier(2048),
    )


def _a(inputs: int, pooled: int) -> nn.Module:
    return Branches(
        conv_norm(inputs, 64, 1),
        nn.Sequential(conv_norm(inputs, 48, 1), conv_norm(48, 64, 5)),
        nn.Sequential(conv_norm(inputs, 64, 1), conv_norm(64, 96, 3), conv_norm(96, 96, 3)),
        _pooled(inputs, pooled),
    )


def _c(width: int) -> nn.Module:
    return Branches(
        conv_norm(768, 192, 1),
        nn.Sequential(*_long(768, width, 192)),
        nn.Sequential(
            conv_norm(768, width, 1),
            conv_norm(width, width, (7, 1)),
            conv_norm(width, width, (1, 7)),
            conv_norm(width, width, (7, 1)),
            conv_norm(width, 192, (1, 7)),
        ),
        _pooled(768, 192),
    )


def _e(inputs: int) -> nn.Module:
    return Branches(
        conv_norm(inputs, 320, 1),
        nn.Sequential(conv_norm(inputs, 384, 1), _crossed()),
        nn.Sequential(conv_norm(inputs, 448, 1), conv_norm(448, 384, 3), _crossed()),
        _pooled(inputs, 192),
    )


def _long(inputs: int, width: int, outputs: int | None = None) -> list[nn.Module]:
    """A 7 x 7 convolution in three steps."""
    return [
        conv_norm(inputs, width, 1),
        conv_norm(width, width, (1, 7)),
        conv_norm(width, outputs or width, (7, 1)),
    ]


def _crossed() -> nn.Module:
    return Branches(conv_norm(384, 384, (1, 3)), conv_norm(384, 384, (3, 1)))


def _pooled(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), conv_norm(inputs, outputs, 1))
