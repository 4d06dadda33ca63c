"""Shopify orders → Google Sheets."""
