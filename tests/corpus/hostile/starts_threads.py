# ruff: noqa
# must not happen: threads that outlive the answer
# held when: no BREACH
# argument: null
# calls: 1
import threading
import time


def solve(_):
    for _ in range(50):
        threading.Thread(target=time.sleep, args=(30,)).start()
    return "BREACH threads"
