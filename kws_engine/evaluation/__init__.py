"""What a trained model gets right and wrong; knows no training and no screen."""
