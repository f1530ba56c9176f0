"""What a job would ask, send and take, told before anybody is asked.

The questions are drawn and made as the job itself draws and makes them, from its seed; only models
and backbones that do not exist yet are stood in for, which changes no size. So the figures are what
is expected where nobody drops out and nothing is asked again, not bounds.
"""
