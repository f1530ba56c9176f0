"""Which B models of a zoo to fine-tune for a task: search strategies behind one small interface.

Each file is a strategy; `strategy.py` says what one is. After Renggli et al., "Which Model to
Transfer? Finding the Needle in the Growing Haystack", CVPR 2022.
"""
