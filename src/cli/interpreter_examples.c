/* Python programs whose right output is known: the examples of the guide, then what a program may
 * rely on, then what it must not get. They hold for any Python 3 of any build. */
#include "cli/interpreter_examples.h"

#include <stddef.h>

const struct interpreter_example interpreter_examples[] = {
    {"runs Python", "print(6 * 7)\n", "42\n", 0},
    {"guide, example 1: Fibonacci numbers",
     "# Fibonacci sequence\n"
     "def fibonacci(n):\n"
     "    fib = [0, 1]\n"
     "    for i in range(2, n):\n"
     "        fib.append(fib[-1] + fib[-2])\n"
     "    return fib[:n]\n"
     "\n"
     "print(fibonacci(20))\n",
     "[0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181]\n", 0},
    {"guide, example 2: JSON",
     "import json\n"
     "\n"
     "data = {\"users\": [{\"name\": \"Alice\", \"age\": 30}, {\"name\": \"Bob\", \"age\": 25}]}\n"
     "processed = json.dumps(data, indent=2)\n"
     "print(processed)\n",
     "{\n"
     "  \"users\": [\n"
     "    {\n"
     "      \"name\": \"Alice\",\n"
     "      \"age\": 30\n"
     "    },\n"
     "    {\n"
     "      \"name\": \"Bob\",\n"
     "      \"age\": 25\n"
     "    }\n"
     "  ]\n"
     "}\n",
     0},
    {"guide, example 3: compound interest",
     "import math\n"
     "\n"
     "# Calculate compound interest\n"
     "principal = 1000\n"
     "rate = 0.05\n"
     "time = 10\n"
     "amount = principal * math.pow((1 + rate), time)\n"
     "print(f\"Amount after {time} years: ${amount:.2f}\")\n",
     "Amount after 10 years: $1628.89\n", 0},
    {"an exception ends with status 1", "print('before', flush=True)\nraise ValueError('x')\n",
     "before\n", 1},
    {"the program's own exit status", "import sys\nprint('seven')\nsys.exit(7)\n", "seven\n", 7},
    {"text beyond ASCII", "print('na\u00efve \u2713 \u6f22\u5b57 \U0001f40d'[::-1])\n",
     "\U0001f40d \u5b57\u6f22 \u2713 ev\u00efan\n", 0},
    {"large integers", "print(2 ** 200 % 1000000007, len(str(3 ** 5000)))\n", "499445072 2386\n",
     0},
    {"standard library: hashlib, decimal, datetime, re, base64",
     "import base64, datetime, decimal, hashlib, re\n"
     "print(hashlib.sha256(b'shannon').hexdigest()[:16])\n"
     "print(decimal.Decimal('0.1') + decimal.Decimal('0.2'))\n"
     "print(datetime.date(2024, 2, 28) + datetime.timedelta(days=2))\n"
     "print(re.findall(r'(\\w)(\\d+)', 'a1 b22'))\n"
     "print(base64.b64encode(bytes(range(6))).decode())\n",
     "461f09556c26f210\n"
     "0.3\n"
     "2024-03-01\n"
     "[('a', '1'), ('b', '22')]\n"
     "AAECAwQF\n",
     0},
    {"deep recursion raises RecursionError",
     "def f(n):\n"
     "    return f(n + 1)\n"
     "try:\n"
     "    f(0)\n"
     "except RecursionError:\n"
     "    print('RecursionError')\n",
     "RecursionError\n", 0},
    {"no file of this machine can be read or written",
     "for path, mode in (('/etc/passwd', 'r'), ('/tmp/shannon-check', 'w'),\n"
     "                   ('../shannon-check', 'w'), ('/proc/self/environ', 'r')):\n"
     "    try:\n"
     "        open(path, mode)\n"
     "        print('opened', path)\n"
     "    except OSError:\n"
     "        print('refused')\n",
     "refused\nrefused\nrefused\nrefused\n", 0},
    {"no network and no process",
     "import os\n"
     "def connect():\n"
     "    import socket\n"
     "    socket.create_connection(('127.0.0.1', 80), 1)\n"
     "def spawn():\n"
     "    import subprocess\n"
     "    subprocess.run(['/bin/true'])\n"
     "for attempt in (connect, spawn, lambda: os.fork(), lambda: os.execv('/bin/true', "
     "['true'])):\n"
     "    try:\n"
     "        attempt()\n"
     "        print('allowed')\n"
     "    except (OSError, ImportError, AttributeError, RuntimeError, NotImplementedError):\n"
     "        print('refused')\n",
     "refused\nrefused\nrefused\nrefused\n", 0},
    {NULL, NULL, NULL, 0},
};
