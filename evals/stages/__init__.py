"""Where items are asked: a stage opens a dialog's moment, with the frame and the world as the tools see it."""
