"""Gymnasium environments on physics, on a learned world model, or on both at once."""
