"""Catsy → SparkLayer: trade prices of the PIM to B2B price lists."""
