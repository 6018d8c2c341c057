"""For all end-to-end tests."""
import signal

# A shell that starts a job in the background has it ignore SIGINT, and so would every program started here; these tests
# are about programs that a person can interrupt. What one ignores from its start is a test of its own.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
