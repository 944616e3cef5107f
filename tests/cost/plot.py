"""Diagrams as SVG, each of one figure by the size of what was measured."""

WIDTH, HEIGHT = 350, 310

def chart(rows, size, key, title, bound=None, left=0, top=0):
    """One diagram: column `key` by column `size`, with its corner at `left` and `top`."""
    width, height = 250, 200
    most_x = max(row[size] for row in rows)
    most_y = 1.1 * max([bound or 0] + [row[key] for row in rows])
    x = lambda value: left + 60 + value / most_x * width
    y = lambda value: top + 50 + height - value / most_y * height
    points = " ".join(f"{x(row[size]):.1f},{y(row[key]):.1f}" for row in rows)
    parts = [f'<text x="{left + 60}" y="{top + 30}" font-weight="bold">{title}</text>',
             f'<path d="M{x(0)} {top + 50}V{y(0)}H{x(most_x)}" fill="none" stroke="#888"/>']
    if bound:
        parts += [f'<path d="M{x(0)} {y(bound):.1f}H{x(most_x)}" stroke="#c33" stroke-dasharray="5 4"/>',
                  f'<text x="{x(0) + 6}" y="{y(bound) - 5:.1f}" fill="#c33">bound: {bound}</text>']
    parts += [f'<polyline points="{points}" fill="none" stroke="#26c" stroke-width="2"/>',
              f'<text x="{x(most_x / 2)}" y="{y(0) + 36}" text-anchor="middle">{size}</text>']
    for tick in (0, most_x // 2, most_x):
        parts.append(f'<text x="{x(tick)}" y="{y(0) + 18}" text-anchor="middle">{tick}</text>')
    digits = 0 if most_y > 2 else 2
    for tick in (0, round(most_y / 2, digits), round(most_y, digits)):
        text = f"{tick:.{digits}f}"
        parts.append(f'<text x="{x(0) - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{text}</text>')
    for row in rows:
        parts.append(f'<circle cx="{x(row[size]):.1f}" cy="{y(row[key]):.1f}" r="3" fill="#26c">'
                     f'<title>{row[size]}: {row[key]:.3g}</title></circle>')
    return "\n".join(parts)

def draw(charts, path):
    """Writes diagrams, two in a row; each is a function of its `left` and `top`."""
    drawn = [make(left=number % 2 * WIDTH, top=number // 2 * HEIGHT) for number, make in enumerate(charts)]
    height = (len(charts) + 1) // 2 * HEIGHT
    with open(path, "w") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {height}" '
                'font-family="sans-serif" font-size="12">\n'
                f'<rect width="{2 * WIDTH}" height="{height}" fill="#fff"/>\n'
                + "\n".join(drawn) + "\n</svg>\n")
