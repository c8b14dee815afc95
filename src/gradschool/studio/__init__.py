"""The studio: pages in a browser that show and start what the commands do, over the same folders, events and files."""
