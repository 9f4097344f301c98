"""Runs the proxy tests of the package slapos.core against another server, over HTTP.

The tests use Flask's in-process client. Only how they start the proxy and speak to it is replaced
here: a real server, started once for each test with the test's own configuration file, and an HTTP
session that looks like Flask's client. Where a test reads the proxy's database, it is given a table
of the same shape, filled from the server's own.

SLAP_SERVER_CMD is the command, with {cfg} for the file. Arguments are names of tests.
"""
import atexit
import logging
import os
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import time
import unittest

import requests
import slapos.proxy.views
from slapos.tests import test_slapproxy as T

CMD = os.environ['SLAP_SERVER_CMD']


class App(requests.Session):
  def __init__(self, base):
    super().__init__()
    self.base = base
    self.headers.clear()

  def request(self, method, url, params=None, query_string=None, **kw):
    kw.setdefault('allow_redirects', False)
    headers = {'Host': 'localhost', 'Connection': 'close'}
    headers.update(kw.pop('headers', None) or {})
    if isinstance(kw.get('data'), dict):
      kw['data'] = {k: 'None' if v is None else v for k, v in kw['data'].items()}
    answer = super().request(
      method, self.base + '/' + url.lstrip('/'), params=params or query_string,
      headers=headers, **kw)
    answer._status_code, answer.data = answer.status_code, answer.content
    answer.content_type = answer.headers.get('Content-Type')
    answer.get_json = answer.json
    return answer


def free_port():
  with socket.socket() as s:
    s.bind(('127.0.0.1', 0))
    return s.getsockname()[1]


def end(process):
  if process.poll() is None:
    process.terminate()
    process.wait()


def spawn(cfg, port):
  process = subprocess.Popen(
    shlex.split(CMD.format(cfg=cfg)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
  # A test that fails while it is set up is not torn down.
  atexit.register(end, process)
  for _ in range(400):
    try:
      socket.create_connection(('127.0.0.1', port), 1).close()
      return process
    except OSError:
      if process.poll() is not None:
        break
      time.sleep(.025)
  raise RuntimeError('the server did not start')


def start_proxy(self):
  port = free_port()
  with open(self.slapos_cfg) as f:
    text = re.sub(r'(?m)^port = 8080', 'port = %d' % port, f.read())
  with open(self.slapos_cfg, 'w') as f:
    f.write(text)
  self.proxyaddr, self.app_config = 'http://127.0.0.1:%d/' % port, {}
  self._process = spawn(self.slapos_cfg, port)
  self.app = App(self.proxyaddr[:-1])


original_tear_down = T.BasicMixin.tearDown


def tear_down(self):
  process = getattr(self, '_process', None)
  if process is not None:
    process.terminate()
    process.wait()
  original_tear_down(self)


def start_for_cli(self):
  self.proxy_process = spawn(self.slapos_cfg, 8080)
  self.app = T.TestAppSession(self.proxyaddr)


PARTITIONS = """
  SELECT partition.name AS reference, node.name AS computer_reference,
         CASE WHEN instance.id IS NULL THEN 'free' ELSE 'busy' END AS slap_state,
         instance.url AS software_release, instance.software_type AS software_type,
         instance.name AS partition_reference,
         CASE WHEN root.id IS NULL OR root.id = instance.id THEN '' ELSE root.name END AS requested_by,
         COALESCE(instance.requested_state, 'started') AS requested_state
  FROM partition JOIN node ON node.id = partition.node_id
  LEFT JOIN instance ON instance.id = partition.instance_id
  LEFT JOIN instance AS root ON root.id = instance.root_id
  WHERE partition.is_enabled = 1
"""


def execute_db(table, query, args=(), one=False, db=None):
  """The proxy's tables as they would be, from the server's own, which `db` is open on."""
  assert table == 'partition', table
  rows = [dict(zip([c[0] for c in cursor.description], row))
          for cursor in [db.execute(PARTITIONS)] for row in cursor]
  copy = sqlite3.connect(':memory:')
  names = ('reference', 'computer_reference', 'slap_state', 'software_release', 'software_type',
           'partition_reference', 'requested_by', 'requested_state')
  copy.execute('CREATE TABLE known (%s)' % ', '.join(names))
  for row in rows:
    copy.execute('INSERT INTO known VALUES (%s)' % ', '.join('?' * len(names)),
                 [row[name] for name in names])
  cursor = copy.execute(query % 'known', args)
  found = [dict(zip([c[0] for c in cursor.description], row)) for row in cursor]
  return (found or [None])[0] if one else found


T.BasicMixin.startProxy, T.BasicMixin.tearDown = start_proxy, tear_down
T.CliMasterMixin.startProxy = start_for_cli
slapos.proxy.views.execute_db = execute_db
logging.disable(logging.CRITICAL)
suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])
result = unittest.TextTestRunner(verbosity=2).run(suite)
bad = len(result.failures) + len(result.errors)
print('PASSED %d OF %d' % (result.testsRun - bad, result.testsRun))
for test, _ in result.failures + result.errors:
  print('FAILED %s' % test.id())
