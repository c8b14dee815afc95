"""The specialist as a folder that can be moved, opened and trusted, and its model card."""
