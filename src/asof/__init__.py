"""Declare a machine-learning system once; backtest its life, run it live, explain the difference."""
