"""The package: a specialist as a folder that can be moved and verified, with its model card."""
