"""Prints random values, one a line, as the package's own marshaller writes them."""
import random
import sys

from slapos.util import dumps

luck = random.Random(int(sys.argv[1]))
TEXT = 'ab &<>"\'é€😀\n\t;amp'


def value(depth):
  kind = luck.randrange(6 if depth == 0 else 10)
  if kind == 0:
    return None
  if kind == 1:
    return luck.random() < .5
  if kind == 2:
    return luck.choice([0, -1, 5, 2 ** 53 + 1, 10 ** 24, -10 ** 30, luck.randrange(10 ** 6)])
  if kind == 3:
    return luck.choice([0.0, 1.5, -2.25, 1e16, 1e-7, 1e22, luck.random(), luck.random() * 1e12])
  if kind in (4, 5):
    return ''.join(luck.choice(TEXT) for _ in range(luck.randrange(12)))
  items = [value(depth - 1) for _ in range(luck.randrange(5))]
  if kind == 6:
    return tuple(items)
  if kind == 7:
    return items
  keys = [''.join(luck.choice(TEXT) for _ in range(luck.randrange(1, 8))) for _ in items]
  return dict(zip(keys, items))


for _ in range(int(sys.argv[2])):
  text = dumps(value(4))
  print((text if isinstance(text, bytes) else text.encode()).hex())
