"""What trains the embedded segmentation network and the border model."""
