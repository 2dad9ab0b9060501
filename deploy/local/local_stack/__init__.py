"""The embedded default: all of Mapreel on one machine, as supervised processes on loopback.

==============  =========================================================================
settings        what the environment may choose
home            the folder that holds everything the stack keeps
keys            passwords and secrets, made once
ports           ports, chosen once
environment     the variables by which the programs are configured
programs        the programs, and how each is started
supervisor      supervisord: its configuration, and talking to it
heartbeats      the watcher that restarts what lives but no longer works
sweep           finding and ending what a killed stack left behind
buckets         the emulator of Cloud Storage
readiness       waiting until the parts answer
stack           up, down, status
demo            a film from end to end, through the bucket and the scan
clip            the film of a demo that was given none
comparison      source and output side by side
closing         what a demo ends with
==============  =========================================================================
"""
