"""What the embedded data sets share: surfaces, the light that falls on them, and the camera that sees them."""
