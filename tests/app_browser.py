"""The web page in a real Chromium without network access: clicked, uploaded to, read.

    python tests/app_browser.py [--run_dir RUN] [--shots FOLDER]    # without a run the demo is trained for one epoch
"""
import argparse
import base64
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cyclegan_nbdev.app import load_translators, run_generators, page_title
from cyclegan_nbdev.io.checkpoint import save_network, save_tensors
from cyclegan_nbdev.core import Options
from cyclegan_nbdev.io.scenes import street_scene
from cyclegan_nbdev.networks import architecture, build_network
from cyclegan_nbdev.tools.report import report

CLI = [sys.executable, '-m', 'cyclegan_nbdev.cli']
arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument('--run_dir', help='a run folder')
arguments.add_argument('--shots', help='folder for screenshots')
args = arguments.parse_args()
work = Path(tempfile.mkdtemp())

def eventually(f, seconds=40):
    "What `f` gives once it gives something."
    end = time.time() + seconds
    while True:
        try:
            if found := f(): return found
            wrong = 'nothing came'
        except Exception as e: wrong = e
        if time.time() > end: raise AssertionError(f'not within {seconds} s: {wrong}')
        time.sleep(.2)

@contextmanager
def served(*options):
    "`cyclegan_app` at a free port; its address."
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    command = [*CLI, 'app', '--platform', 'CPU', '--port', str(port), *map(str, options)]
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = next(l for l in p.stdout if 'the page is at' in l)
        yield re.search(r'http\S+', line)[0]
    finally:
        p.terminate()
        p.wait(120)

@contextmanager
def chromium():
    o = webdriver.ChromeOptions()
    for argument in ('--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--hide-scrollbars',
                     '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1'):
        o.add_argument(argument)
    o.set_capability('goog:loggingPrefs', dict(browser='ALL', performance='ALL'))
    o.add_experimental_option('prefs', {'download.default_directory': str(work/'downloads')})
    driver = shutil.which('chromedriver') # else selenium looks for one
    d = webdriver.Chrome(options=o, service=webdriver.ChromeService(driver) if driver else None)
    try: yield d
    finally: d.quit()

def window(d, width, height):
    screen = dict(width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
    d.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)

def shot(d, name):
    if not args.shots: return
    Path(args.shots).mkdir(parents=True, exist_ok=True)
    time.sleep(1)
    d.save_screenshot(f'{args.shots}/{name}.png')

def find(d, css): return d.find_element(By.CSS_SELECTOR, css)
def text(d, css): return find(d, css).text
def tab(d, name):
    def found(): return [b for b in d.find_elements(By.CSS_SELECTOR, 'button[role=tab]') if b.text == name]
    eventually(found)[0].click()
def got(url): return urllib.request.urlopen(url).read()
def picture(url): return np.asarray(Image.open(io.BytesIO(got(url))).convert('RGB'))
def shown(d, css, i): return picture(d.find_elements(By.CSS_SELECTOR, f'{css} img')[i].get_attribute('src'))
def shows(d, css, i, wanted): return eventually(lambda: np.array_equal(shown(d, css, i), wanted))
def downloaded(d, css, name):
    "Click a download button; the file that comes."
    find(d, css).click()
    return eventually(lambda: (work/'downloads'/name).is_file() and work/'downloads'/name)
def clear(d):
    for name in ('Remove Image', 'Upload file'):
        for b in d.find_elements(By.CSS_SELECTOR, f'#source [aria-label="{name}"]'): b.click()
    eventually(lambda: find(d, '#source input[type=file]'))
def toast(d):
    said = eventually(lambda: text(d, '.toast-body'))
    find(d, '.toast-close').click()
    eventually(lambda: not d.find_elements(By.CSS_SELECTOR, '.toast-body'))
    return said

def one_picture(d, ts, photo, label):
    there = {k:np.asarray(ts[k](im)) for k,im in (('A', photo), ('B', label))}
    find(d, '#source input[type=file]').send_keys(str(work/'photo.png'))
    eventually(lambda: '320 × 200 pixels' in text(d, '#said'))
    both = [i for i,im in enumerate(d.find_elements(By.CSS_SELECTOR, '#there img'))]
    assert len(both) == 2, both
    right = any((shown(d, '#there', i) == there['A']).all() for i in both)
    assert right, 'the translation is not what the network makes'
    back = np.asarray(ts['B'](ts['A'](photo)))
    assert any((shown(d, '#back', i) == back).all() for i in both), 'the way back is not what the networks make'
    assert (np.asarray(Image.open(downloaded(d, '#full', 'photo_translated.png'))) == there['A']).all()

def slider(d):
    "Drag the handle: the line between the two pictures moves along."
    clip = lambda: [im.get_attribute('style') for im in d.find_elements(By.CSS_SELECTOR, '#there img')]
    before,handle = clip(),find(d, '#there [data-testid=slider]')
    ActionChains(d).click_and_hold(handle).move_by_offset(80, 0).release().perform()
    eventually(lambda: clip() != before)

def directions(d, ts, photo):
    d.find_elements(By.CSS_SELECTOR, '#way input')[1].click()
    wanted = np.asarray(ts['B'](photo))
    eventually(lambda: any(np.array_equal(shown(d, '#there', i), wanted) for i in (0, 1)))
    d.find_elements(By.CSS_SELECTOR, '#way input')[0].click()

def an_example(d):
    side = text(d, '#said')
    d.find_elements(By.CSS_SELECTOR, '#examples .gallery-item')[-1].click() # a label map, so the other direction
    def other_way(): return d.find_elements(By.CSS_SELECTOR, '#way input')[1].is_selected()
    eventually(lambda: text(d, '#said') != side and other_way())
    d.find_elements(By.CSS_SELECTOR, '#way input')[0].click()

COPY = '''
const [data, done] = arguments
fetch('data:image/png;base64,' + data)
  .then(r => r.blob())
  .then(b => navigator.clipboard.write([new ClipboardItem({'image/png': b})]))
  .then(() => done(''), e => done('' + e))
'''

def paste(d, ts, label):
    "Put a picture on the clipboard, and press the button that takes it."
    allowed = ['clipboardReadWrite', 'clipboardSanitizedWrite']
    d.execute_cdp_cmd('Browser.grantPermissions', dict(permissions=allowed))
    data = base64.b64encode((work/'label.png').read_bytes()).decode()
    d.execute_async_script(COPY, data)
    clear(d)
    find(d, '#source [aria-label="Paste from clipboard"]').click()
    eventually(lambda: '160 × 120 pixels' in text(d, '#said'))

def a_bad_file(d):
    clear(d)
    find(d, '#source input[type=file]').send_keys(str(work/'words.png'))
    said = toast(d)
    assert 'words.png: not a readable image' in said and str(work) not in said, said

def many(d, ts, photo, label):
    tab(d, 'Many pictures')
    files = [str(work/n) for n in ('photo.png', 'label.png', 'words.png')]
    find(d, '#files input[type=file]').send_keys('\n'.join(files))
    eventually(lambda: 'words' in text(d, '#files'))
    find(d, '#go').click()
    wanted = '2 images in','words.png: not a readable image'
    eventually(lambda: all(words in text(d, '#said_many') for words in wanted))
    with zipfile.ZipFile(downloaded(d, '#zip', 'fake_B.zip')) as z:
        assert sorted(z.namelist()) == ['failed.txt', 'label.png', 'photo.png'], z.namelist()
        for name,im in (('photo.png', photo), ('label.png', label)):
            with z.open(name) as f: assert (np.asarray(Image.open(f)) == np.asarray(ts['A'](im))).all()

def large(d):
    "A picture of 8000 pixels a side: shown small, given back whole."
    find(d, '#source input[type=file]').send_keys(str(work/'wide.jpg'))
    eventually(lambda: '8000 × 6000 pixels' in text(d, '#said'), 1200)
    assert all(max(shown(d, '#there', i).shape) == 1600 for i in (0, 1))
    with Image.open(downloaded(d, '#full', 'wide_translated.jpg')) as im: assert im.size == (8000, 6000), im.size

def fifty(d):
    "Fifty files at once, and no more than that."
    tab(d, 'Many pictures')
    for i in range(51): Image.new('RGB', (40, 30), (5*i, 90, 90)).save(work/f'{i:02}.png')
    for n in (50, 51):
        clear = '#files [aria-label="Clear"], #files [aria-label="Remove this file"]'
        for b in d.find_elements(By.CSS_SELECTOR, clear)[:1]: b.click()
        files = '\n'.join(str(work/f'{i:02}.png') for i in range(n))
        eventually(lambda: find(d, '#files input[type=file]')).send_keys(files)
        eventually(lambda: f'{n-1:02}' in text(d, '#files'))
        find(d, '#go').click()
        if n == 50: eventually(lambda: '50 images in' in text(d, '#said_many'), 300)
    assert 'up to 50 at once' in toast(d)
    (work/'downloads/fake_B.zip').unlink(missing_ok=True) # of another test
    with zipfile.ZipFile(downloaded(d, '#zip', 'fake_B.zip')) as z: assert len(z.namelist()) == 50, z.namelist()

def training(d, run):
    tab(d, 'Training')
    files = sorted((run/'imgs').glob('*_grid.png'), key=lambda p: int(p.stem[:-5]))
    def grid(i): return np.asarray(Image.open(files[i]).convert('RGB'))
    shows(d, '#grid', 0, grid(-1))
    at = eventually(lambda: find(d, '#at input[type=range]'))
    at.send_keys(Keys.HOME)
    shows(d, '#grid', 0, grid(0))
    assert 'Before training' in text(d, '#said_epoch')
    at.send_keys(Keys.ARROW_RIGHT)
    shows(d, '#grid', 0, grid(1))
    eventually(lambda: len(d.find_elements(By.CSS_SELECTOR, '#losses canvas, #losses svg.marks')) == 2) # two charts

def requested(d):
    "The addresses that the browser has asked for since the last look."
    messages = [json.loads(l['message'])['message'] for l in d.get_log('performance')]
    return {m['params']['request']['url'] for m in messages if m['method'] == 'Network.requestWillBeSent'}

def page_of_the_run(d, run):
    "`cyclegan_report`'s page: the slider and the button go through the epochs, and a phone shows all of it."
    d.get_log('performance')
    page = report(run).resolve().as_uri()
    d.get(page)
    def when(): return text(d, '#when')
    def src(): return find(d, '#grid').get_attribute('src')
    slide,play = find(d, '#slide'),find(d, '#play')
    last = when(),src()
    slide.send_keys(Keys.HOME)
    assert when() == 'untrained' and src() != last[1]
    play.click()
    assert play.text != '▶' and when() == 'untrained'
    eventually(lambda: play.text == '▶' and (when(), src()) == last)
    window(d, 390, 1500)
    assert d.execute_script('return document.documentElement.scrollWidth') <= 390, 'wider than a phone'
    asked = requested(d)
    assert all(u == page or u.startswith('data:') for u in asked), asked

def markup_is_text(d):
    "What a network file and a run folder say is shown, and nothing of it is obeyed."
    bad = '<img src="http://elsewhere.example/x" onerror="document.title=1"><script>document.title=1</script>'
    bad += '![](http://elsewhere.example/y)'
    run = work/'foreign'
    (run/'imgs').mkdir(parents=True)
    Image.new('RGB', (60, 20)).save(run/'imgs/1_grid.png')
    o = Options(ngf=4, gl_num=1, image_size=32, dataroot=bad, name_A=bad, name_B=bad)
    (run/'config.json').write_text(json.dumps(o.as_dict()))
    measured = dict.fromkeys(('n_generated', 'n_real', 'real', 'extractor', 'resizing', 'subsets'), bad)
    (run/'distance.json').write_text(json.dumps(measured | dict(name='kid')))
    (run/'scores.csv').write_text('epoch,images,kid\n1,4,.1\n')
    (run/'history.csv').write_text(f'epoch,step,{bad.replace(",", "")}\n1,1,1\n1,2,1\n')
    net = build_network(architecture(o, 'G_A'))
    header = dict(package=bad, version=bad, role='G_A', architecture=net.arch, domains=[bad, bad], source=bad,
                  options=dict(dataroot=bad))
    save_tensors(work/'foreign.safetensors', net.state_dict(), header)
    d.get_log('performance')
    with served('--G_A_ckpt', work/'foreign.safetensors', '--run_dir', run) as url:
        d.get(url)
        named = work/'<img src=x onerror=document.title=1>.png'
        named.write_text('words')
        eventually(lambda: find(d, '#source input[type=file]')).send_keys(str(named))
        assert 'not a readable image' in toast(d)
        for name in ('Training', 'About the networks'):
            tab(d, name)
            time.sleep(1)
        assert '<img src=' in text(d, '#card_A') and '<img src=' in text(d, '#head'), text(d, '#card_A')
        assert d.title.startswith('CycleGAN: img src='), d.title
        everything_local(d, url)
    page = report(run).resolve().as_uri()
    d.get(page)
    time.sleep(1)
    assert d.title.startswith('foreign: <img src=') and '<img src=' in text(d, 'main'), d.title
    asked = requested(d)
    assert not [u for u in asked if 'elsewhere' in u], asked

def everything_local(d, url):
    asked = requested(d)
    away = [u for u in asked if not u.startswith((url, 'data:', 'blob:'))]
    assert len(asked) > 10 and not away, away

def no_errors(d):
    severe = [l['message'] for l in d.get_log('browser') if l['level'] == 'SEVERE']
    # Gradio asks for the progress of an upload that is over
    severe = [m for m in severe if 'upload_progress' not in m and not m.endswith(' Response')]
    assert not severe, severe

def main():
    if not args.run_dir:
        train = [*CLI, 'train', '--platform', 'CPU', '--max_epoch', '1', '--outputs_dir', work/'run']
        subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
    run = Path(args.run_dir or work/'run')
    ts = load_translators(**{f'{k}_ckpt':f for k,f in run_generators(run).items()})
    photo = street_scene(77, 320)[0].crop((0, 60, 320, 260))
    label = street_scene(78, 160)[1].crop((0, 40, 160, 160))
    photo.save(work/'photo.png')
    label.save(work/'label.png')
    (work/'words.png').write_text('words')
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
    Image.fromarray(noise).save(work/'large.png') # 1.4 MB
    with chromium() as d:
        with served('--run_dir', run, '--max_upload', 1) as url:
            window(d, 1280, 860)
            d.get(url)
            eventually(lambda: find(d, '#source input[type=file]'))
            assert d.title == f'CycleGAN: {page_title(ts)}' and text(d, '#head h1') == page_title(ts), d.title
            shot(d, 'empty')
            for f,*a in ((one_picture, ts, photo, label), (slider,), (directions, ts, photo), (an_example,),
                         (paste, ts, label), (a_bad_file,)):
                f(d, *a)
                print('ok', f.__name__.replace('_', ' '), flush=True)
            no_errors(d)
            find(d, '#source input[type=file]').send_keys(str(work/'large.png'))
            said = toast(d)
            d.get_log('browser') # the refused upload
            assert 'size' in said.lower(), said
            print('ok a file over the limit:', said.replace('\n', ' '))
            find(d, '#source input[type=file]').send_keys(str(work/'photo.png'))
            eventually(lambda: '320 × 200 pixels' in text(d, '#said'))
            shot(d, 'one')
            window(d, 390, 1500)
            shot(d, 'one_phone')
            assert d.execute_script('return document.documentElement.scrollWidth') <= 390, 'wider than a phone'
            window(d, 1280, 860)
            for f,*a in ((many, ts, photo, label), (training, run)):
                f(d, *a)
                print('ok', f.__name__, flush=True)
                shot(d, f.__name__)
            window(d, 390, 1500)
            shot(d, 'training_phone')
            assert d.execute_script('return document.documentElement.scrollWidth') <= 390, 'wider than a phone'
            window(d, 1280, 860)
            tab(d, 'About the networks')
            eventually(lambda: 'parameters' in text(d, '#card_A') and 'parameters' in text(d, '#card_B'))
            shot(d, 'about')
            print('ok about the networks')
            everything_local(d, url)
            no_errors(d)
            print('ok nothing was asked for elsewhere, nothing failed')
            page_of_the_run(d, run)
            no_errors(d)
            shot(d, 'report_phone')
            print("ok the run's own page")
            window(d, 1280, 860)
        markup_is_text(d)
        d.get_log('browser')
        print('ok markup is text')
        with served('--G_A_ckpt', run_generators(run)['G_A']) as url:
            d.get(url)
            eventually(lambda: find(d, '#source input[type=file]')).send_keys(str(work/'photo.png'))
            eventually(lambda: '320 × 200 pixels' in text(d, '#said'))
            assert not [e for e in d.find_elements(By.CSS_SELECTOR, '#back, #way') if e.is_displayed()]
            print('ok one generator, one direction')
        o = Options(ngf=4, gl_num=1)
        for role in ('G_A', 'G_B'):
            save_network(work/f'{role}.safetensors', build_network(architecture(o, role)), role, o)
        street_scene(79, 1000)[0].resize((8000, 6000)).save(work/'wide.jpg')
        both = ['--G_A_ckpt', work/'G_A.safetensors', '--G_B_ckpt', work/'G_B.safetensors']
        with served(*both, '--max_files', 50) as url:
            d.get(url)
            eventually(lambda: find(d, '#source input[type=file]'))
            for f in (large, fifty):
                f(d)
                print('ok', f.__name__, flush=True)
                shot(d, f.__name__)

if __name__ == '__main__': main()
