"""Detects words for other programs over the network: a service that speaks the Wyoming protocol."""
