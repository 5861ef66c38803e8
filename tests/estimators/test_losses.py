"""scikit-learn's losses."""

from minidl.estimators._losses import Exponential, LogLoss, PoissonDeviance, SquaredError
from minidl.gradcheck import check_layer, check_loss


def test_losses_and_exponential_pass_the_gradient_check():
    assert check_layer(Exponential(), input_shape=(3,)).passed
    for loss in (LogLoss(), LogLoss(from_logits=True), SquaredError(), PoissonDeviance(from_logits=True)):
        assert check_loss(loss).passed
