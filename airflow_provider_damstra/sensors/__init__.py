"""Sensors that wait for objects of Damstra Learning."""
