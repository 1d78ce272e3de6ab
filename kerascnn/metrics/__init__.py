"""How good an answer is: what Keras' own metrics do not give."""
