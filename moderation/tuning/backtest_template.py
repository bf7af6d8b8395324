"""The page of a backtest, as a Jinja template. Bars and whiskers are plain boxes: no script, no
font and no picture is fetched, so that the file can be mailed and opened anywhere."""

TEMPLATE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Backtest {{ b.candidate_hash[7:19] }}</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
  color: #1d2733; background: #fff; }
 h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
 table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
 th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #e3e8ee;
  vertical-align: middle; } th { font-weight: 600; color: #56677a; }
 td.n, th.n { text-align: right; }
 .scroll { overflow-x: auto; }
 .bar { display: flex; height: .9rem; min-width: 12rem; background: #f1f4f7; }
 .bar i { display: block; height: 100%; }
 .s0 { background: #b3452c; } .s1 { background: #2c7fb8; } .s2 { background: #e6a23c; }
 .s3 { background: #9aa7b4; } .live { background: #9aa7b4; } .candidate { background: #4a5fc1; }
 .whisker { position: relative; height: .9rem; min-width: 14rem; background: #f1f4f7; }
 .whisker i { position: absolute; top: .38rem; height: .14rem; background: #4a5fc1; }
 .whisker b { position: absolute; top: .15rem; width: .3rem; height: .6rem; background: #4a5fc1;
  margin-left: -.15rem; } .whisker.live i, .whisker.live b { background: #7c8a99; }
 .key span { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem;
  vertical-align: -1px; }
 .quiet { color: #56677a; }
</style></head><body>
{% macro whisker(row) %}<div class="whisker {{ row.set }}">{% if row.enough %}
<i style="left:{{ '%.2f' % (100 * row.low) }}%;width:{{ '%.2f' % (100 * (row.high - row.low)) }}%">
</i><b style="left:{{ '%.2f' % (100 * row.value) }}%"></b>{% endif %}</div>{% endmacro %}
{% macro share(row) %}{% if row.enough %}{{ '%.3f' % row.value }}
 <span class="quiet">({{ '%.3f' % row.low }}–{{ '%.3f' % row.high }}, n={{ '{:,}'.format(row.n) }})
</span>{% else %}<span class="quiet">too little data (n={{ row.n }})</span>{% endif %}{% endmacro %}
<h1>What the proposed policy would have done</h1>
<p>{{ '{:,}'.format(b.items) }} stored items over {{ '%.1f' % b.days }} days, evaluated for
{{ b.regions | length }} viewer regions with both sets from stored scores; no model ran.
Live: <code>{{ b.live_hash[:19] }}</code>, proposed: <code>{{ b.candidate_hash[:19] }}</code>.</p>
{% if sentences %}<h2>What is proposed</h2><ul>
{% for sentence in sentences[:60] %}<li>{{ sentence }}.</li>{% endfor %}</ul>
{% if sentences | length > 60 %}
<p class="quiet">and {{ sentences | length - 60 }} more.</p>{% endif %}
{% endif %}
<h2>Items that change, by region</h2>
<p class="key quiet">{% for name in directions %}<span class="s{{ loop.index0 }}"></span>{{ name }}
{% endfor %}</p>
<div class="scroll"><table><tr><th>region</th><th class="n">changed</th><th class="n">share</th>
<th></th></tr>
{% for row in totals %}<tr><td>{{ row.region }}</td>
<td class="n">{{ '{:,}'.format(row.changed) }}</td>
<td class="n">{{ '%.3f' % (100 * row.share) }} %</td><td><div class="bar">
{% for name in directions %}<i class="s{{ loop.index0 }}"
 style="width:{{ '%.2f' % (100 * row[name] / most) }}%"></i>{% endfor %}</div></td></tr>
{% endfor %}</table></div>
{% for name, rows in slices %}
<h2>Changes by {{ name }} <span class="quiet">(item × region)</span></h2>
<div class="scroll"><table><tr><th>{{ name }}</th>
{% for d in directions %}<th class="n">{{ d }}</th>
{% endfor %}</tr>{% for row in rows %}<tr><td>{{ row[name] or 'none' }}</td>
{% for d in directions %}<td class="n">{{ '{:,}'.format(row[d]) }}</td>{% endfor %}</tr>{% endfor %}
</table></div>{% endfor %}
<h2>Actions, by region</h2>
<p class="key quiet"><span class="live"></span>live<span class="candidate"></span>proposed</p>
<div class="scroll"><table><tr><th>region</th><th>action</th><th class="n">live</th>
<th class="n">proposed</th><th class="n">difference</th><th></th></tr>
{% for row in volume %}<tr><td>{{ row.region }}</td><td>{{ row.action }}</td>
<td class="n">{{ '{:,}'.format(row.live) }}</td>
<td class="n">{{ '{:,}'.format(row.candidate) }}</td>
<td class="n">{{ '{:+,}'.format(row.candidate - row.live) }}</td><td>
<div class="bar"><i class="live" style="width:{{ '%.2f' % (100 * row.live / widest) }}%"></i></div>
<div class="bar"><i class="candidate" style="width:{{ '%.2f' % (100 * row.candidate / widest) }}%">
</i></div></td></tr>{% endfor %}</table></div>
<h2>Against human decisions</h2>
<p class="quiet">A person's "allow" counts as harmless, anything else as harmful. Items that nobody
decided are not in here, so recall is recall among the items that people saw. An item counts once,
whatever the number of regions; the slices by region are about decisions for that region.</p>
<div class="scroll"><table><tr><th>slice</th><th>measure</th><th>set</th><th>share (95 %)</th>
<th></th></tr>{% for row in quality %}<tr><td>{{ row.slice }} {{ row.name }}</td>
<td>{{ row.measure }}</td><td>{{ row.set }}</td><td>{{ share(row) }}</td><td>{{ whisker(row) }}</td>
</tr>{% endfor %}</table></div>
<h2>Harmless items acted on, by language</h2>
<p class="quiet">False-positive rate: of the items that people allowed, the share on which policy
acts. Large differences between languages are unfair to their speakers.</p>
<div class="scroll"><table><tr><th>language</th><th>set</th><th>share (95 %)</th><th></th></tr>
{% for row in disparity %}<tr><td>{{ row.language }}</td><td>{{ row.set }}</td>
<td>{{ share(row) }}</td><td>{{ whisker(row) }}</td></tr>{% endfor %}</table></div>
<h2>Review work</h2>
<p>With {{ b.staffing.reviewers }} reviewers on shift at
{{ '%.0f' % b.staffing.seconds_per_item }} seconds per item, most urgent first:</p>
<div class="scroll"><table><tr><th>set</th><th class="n">jobs</th><th class="n">hours</th>
<th class="n">decided late</th><th class="n">longest wait</th></tr>
{% for name, load in b.workloads.items() %}<tr><td>{{ name }}</td>
<td class="n">{{ '{:,}'.format(load.jobs) }}</td>
<td class="n">{{ '{:,.1f}'.format(load.hours) }}</td>
<td class="n">{{ '{:,}'.format(load.late) }} ({{ '%.1f' % (100 * load.late_share) }} %)</td>
<td class="n">{{ '{:,.0f}'.format(load.longest_wait_minutes) }} min</td></tr>
{% endfor %}</table></div>
<div class="scroll"><table><tr><th>queue</th>{% for name in ("live", "proposed") %}
<th class="n">jobs, {{ name }}</th><th class="n">hours</th><th class="n">late</th>{% endfor %}</tr>
{% for row in queues %}<tr><td>{{ row.queue }}</td>{% for name in ("live", "candidate") %}
<td class="n">{{ '{:,}'.format(row[name]) }}</td>
<td class="n">{{ '{:,.1f}'.format(row[name ~ '_hours']) }}</td>
<td class="n">{{ '{:,}'.format(row[name ~ '_late']) }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
<h2>Examples</h2>
<p class="quiet">Ids only; look them up in the dashboard.
{% if not b.flips_complete %}
The list of flipped items is cut; all counts above are exact.{% endif %}</p>
<div class="scroll"><table><tr><th>item</th><th>region</th><th>language</th><th>surface</th>
<th>category</th><th class="n">score</th><th>before</th><th>after</th><th>a person said</th></tr>
{% for row in examples %}<tr><td>{{ row.item_id }}</td><td>{{ row.region }}</td>
<td>{{ row.language }}</td><td>{{ row.surface }}</td><td>{{ row.category }}</td>
<td class="n">{{ '%.2f' % row.score if row.score == row.score else '–' }}</td>
<td>{{ row.before }} <span class="quiet">{{ row.rule_before }}</span></td>
<td>{{ row.after }} <span class="quiet">{{ row.rule_after }}</span></td>
<td>{{ row.decided }}</td></tr>{% endfor %}</table></div>
</body></html>
"""
