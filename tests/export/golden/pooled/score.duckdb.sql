-- churnlab scoring, duckdb, bundle cb-2c5a4af4afd3847be2e5a167
-- One SELECT, no side effects. P(alive), risk and state per customer; times in days.
-- event_at must be local days or times of the bundle's time zone; rows after as_of are left out.
-- To score another day, change the date in `params` (the last complete day).
WITH draws_literal AS (
  SELECT
    *
  FROM (VALUES
    (
      0,
      0,
      4.98563076446074560e-01,
      7.00638493767626329e+01,
      5.96551849615781893e-01,
      7.60308453198520340e+01
    ),
    (
      0,
      1,
      5.19440307687075831e-01,
      7.68327161594134793e+01,
      5.52371218440903311e-01,
      8.64866790317193619e+01
    ),
    (
      0,
      2,
      5.90127708097502368e-01,
      6.75536109932811542e+01,
      5.63720534177749144e-01,
      8.25725736413739213e+01
    ),
    (
      0,
      3,
      6.36632583561248966e-01,
      8.69793698675584324e+01,
      5.51007252669609371e-01,
      8.44825037755597634e+01
    ),
    (
      0,
      4,
      5.58674745731688516e-01,
      8.57072329168237559e+01,
      6.02502763943523312e-01,
      9.14057048908647971e+01
    ),
    (
      0,
      5,
      4.91203437827625378e-01,
      7.10244232001990952e+01,
      7.14245452751218202e-01,
      7.31842281898816225e+01
    ),
    (
      0,
      6,
      5.50492655613159743e-01,
      6.61152148052863424e+01,
      6.06198636316191197e-01,
      8.80346972360081281e+01
    ),
    (
      0,
      7,
      5.42180189692536785e-01,
      7.03610600774673003e+01,
      5.75125085948233528e-01,
      7.51918334144317129e+01
    )) AS v(grp, draw, r, alpha, s, beta)
), draws AS (
  SELECT
    w.grp,
    w.draw,
    CAST(w.r AS DOUBLE) AS r,
    CAST(w.alpha AS DOUBLE) AS alpha,
    CAST(w.s AS DOUBLE) AS s,
    CAST(w.beta AS DOUBLE) AS beta
  FROM draws_literal AS w
), nodes_literal AS (
  SELECT
    *
  FROM (VALUES
    (1.20319500074467234e-03, 3.08530744999717258e-03),
    (6.31786100717263155e-03, 7.13284715723338982e-03),
    (1.54313619993168005e-02, 1.10693597043548531e-02),
    (2.83961182488997321e-02, 1.48246462288590900e-02),
    (4.49995035065242632e-02, 1.83366203527700403e-02),
    (6.49689521053614105e-02, 2.15475403829883012e-02),
    (8.79765870157561136e-02, 2.44046630260284815e-02),
    (1.13644632152790109e-01, 2.68610675289913912e-02),
    (1.41551623093488732e-01, 2.88764170134313790e-02),
    (1.71239330075959151e-01, 3.04176182319508236e-02),
    (2.02220283131595929e-01, 3.14593640867070617e-02),
    (2.33985776784348593e-01, 3.19845488366880051e-02),
    (2.66014223215651380e-01, 3.19845488366880051e-02),
    (2.97779716868404098e-01, 3.14593640867070617e-02),
    (3.28760669924040849e-01, 3.04176182319508236e-02),
    (3.58448376906511268e-01, 2.88764170134313790e-02),
    (3.86355367847209918e-01, 2.68610675289913912e-02),
    (4.12023412984243886e-01, 2.44046630260284815e-02),
    (4.35031047894638589e-01, 2.15475403829883012e-02),
    (4.55000496493475737e-01, 1.83366203527700403e-02),
    (4.71603881751100240e-01, 1.48246462288590900e-02),
    (4.84568638000683172e-01, 1.10693597043548531e-02),
    (4.93682138992827368e-01, 7.13284715723338982e-03),
    (4.98796804999255328e-01, 3.08530744999717258e-03),
    (5.01203195000744728e-01, 3.08530744999717258e-03),
    (5.06317861007172576e-01, 7.13284715723338982e-03),
    (5.15431361999316828e-01, 1.10693597043548531e-02),
    (5.28396118248899760e-01, 1.48246462288590900e-02),
    (5.44999503506524263e-01, 1.83366203527700403e-02),
    (5.64968952105361355e-01, 2.15475403829883012e-02),
    (5.87976587015756058e-01, 2.44046630260284815e-02),
    (6.13644632152790082e-01, 2.68610675289913912e-02),
    (6.41551623093488788e-01, 2.88764170134313790e-02),
    (6.71239330075959151e-01, 3.04176182319508236e-02),
    (7.02220283131595902e-01, 3.14593640867070617e-02),
    (7.33985776784348620e-01, 3.19845488366880051e-02),
    (7.66014223215651380e-01, 3.19845488366880051e-02),
    (7.97779716868404098e-01, 3.14593640867070617e-02),
    (8.28760669924040849e-01, 3.04176182319508236e-02),
    (8.58448376906511212e-01, 2.88764170134313790e-02),
    (8.86355367847209918e-01, 2.68610675289913912e-02),
    (9.12023412984243942e-01, 2.44046630260284815e-02),
    (9.35031047894638645e-01, 2.15475403829883012e-02),
    (9.55000496493475737e-01, 1.83366203527700403e-02),
    (9.71603881751100240e-01, 1.48246462288590900e-02),
    (9.84568638000683172e-01, 1.10693597043548531e-02),
    (9.93682138992827424e-01, 7.13284715723338982e-03),
    (9.98796804999255272e-01, 3.08530744999717258e-03)) AS v(node, weight)
), nodes AS (
  SELECT
    CAST(w.node AS DOUBLE) AS node,
    CAST(w.weight AS DOUBLE) AS weight
  FROM nodes_literal AS w
), params AS (
  SELECT
    CAST('2024-06-30' AS DATE) AS as_of
), days AS (
  SELECT DISTINCT
    CAST(e."customer_id" AS TEXT) AS customer_id,
    CAST(e."event_at" AS DATE) AS event_day
  FROM "purchases" AS e
  CROSS JOIN params AS p
  WHERE
    NOT e."customer_id" IS NULL AND CAST(e."event_at" AS DATE) <= p.as_of
), counted AS (
  SELECT
    d.customer_id,
    COUNT(*) - 1 AS x,
    DATE_DIFF('DAY', MIN(d.event_day), MAX(d.event_day)) AS t_x,
    DATE_DIFF('DAY', MIN(d.event_day), MAX(p.as_of)) AS age
  FROM days AS d
  CROSS JOIN params AS p
  GROUP BY
    d.customer_id
), summary AS (
  SELECT
    k.customer_id,
    CAST(k.x AS DOUBLE) AS x,
    CAST(k.t_x AS DOUBLE) AS t_x,
    CAST(k.age AS DOUBLE) AS age,
    0 AS grp
  FROM counted AS k
), cells AS (
  SELECT DISTINCT
    s.grp,
    s.x,
    s.t_x,
    s.age
  FROM summary AS s
), windowed AS (
  SELECT
    c.grp,
    c.x,
    c.t_x,
    c.age,
    CAST(9.00000000000000000e+01 AS DOUBLE) AS horizon
  FROM cells AS c
), base AS (
  SELECT
    c.grp,
    c.x,
    c.t_x,
    c.age,
    c.horizon,
    d.draw,
    d.r,
    d.alpha,
    d.s,
    d.beta,
    LEAST(d.alpha, d.beta) + c.t_x AS c,
    LEAST(
      (
        d.alpha + c.t_x
      ) * (
        EXP(LEAST(600, 45 / (
          d.r + c.x
        ))) - 1
      ),
      (
        d.beta + c.t_x
      ) * (
        EXP(LEAST(600, 45 / d.s)) - 1
      )
    ) AS reach
  FROM windowed AS c
  JOIN draws AS d
    ON d.grp = c.grp
), reaches AS (
  SELECT
    b.*,
    EXP(
      GREATEST(
        -700,
        LEAST(
          700,
          -(
            b.r + b.x
          ) * LN(1 + (
            b.age - b.t_x
          ) / (
            b.alpha + b.t_x
          )) - b.s * LN(1 + (
            b.age - b.t_x
          ) / (
            b.beta + b.t_x
          ))
        )
      )
    ) AS alive_now,
    LN(1 + LEAST((
      b.age - b.t_x
    ), b.reach) / b.c) AS width_now,
    EXP(
      GREATEST(
        -700,
        LEAST(
          700,
          -(
            b.r + b.x
          ) * LN(1 + (
            b.age + b.horizon - b.t_x
          ) / (
            b.alpha + b.t_x
          )) - b.s * LN(1 + (
            b.age + b.horizon - b.t_x
          ) / (
            b.beta + b.t_x
          ))
        )
      )
    ) AS alive_later,
    LN(1 + LEAST((
      b.age + b.horizon - b.t_x
    ), b.reach) / b.c) AS width_later
  FROM base AS b
), steps AS (
  SELECT
    s.*,
    n.weight,
    EXP(s.width_now * n.node) AS growth_now,
    EXP(s.width_later * n.node) AS growth_later
  FROM reaches AS s
  CROSS JOIN nodes AS n
), totals AS (
  SELECT
    p.grp,
    p.x,
    p.t_x,
    p.age,
    p.horizon,
    p.draw,
    SUM(
      p.weight * p.width_now * EXP(
        GREATEST(
          -700,
          LEAST(
            700,
            -(
              p.r + p.x
            ) * LN(1 + (
              p.c * (
                p.growth_now - 1
              )
            ) / (
              p.alpha + p.t_x
            )) - p.s * LN(1 + (
              p.c * (
                p.growth_now - 1
              )
            ) / (
              p.beta + p.t_x
            ))
          )
        )
      ) * p.s / (
        p.beta + p.t_x + (
          p.c * (
            p.growth_now - 1
          )
        )
      ) * p.c * p.growth_now
    ) AS dead_now,
    MAX(p.alive_now) AS alive_now,
    SUM(
      p.weight * p.width_later * EXP(
        GREATEST(
          -700,
          LEAST(
            700,
            -(
              p.r + p.x
            ) * LN(1 + (
              p.c * (
                p.growth_later - 1
              )
            ) / (
              p.alpha + p.t_x
            )) - p.s * LN(1 + (
              p.c * (
                p.growth_later - 1
              )
            ) / (
              p.beta + p.t_x
            ))
          )
        )
      ) * p.s / (
        p.beta + p.t_x + (
          p.c * (
            p.growth_later - 1
          )
        )
      ) * p.c * p.growth_later
    ) AS dead_later,
    MAX(p.alive_later) AS alive_later
  FROM steps AS p
  GROUP BY
    p.grp,
    p.x,
    p.t_x,
    p.age,
    p.horizon,
    p.draw
), per_draw AS (
  SELECT
    t.grp,
    t.x,
    t.t_x,
    t.age,
    t.horizon,
    t.alive_now / (
      t.alive_now + t.dead_now
    ) AS alive,
    (
      t.alive_later + t.dead_later
    ) / (
      t.alive_now + t.dead_now
    ) AS later
  FROM totals AS t
), scores AS (
  SELECT
    a.grp,
    a.x,
    a.t_x,
    a.age,
    a.horizon,
    AVG(a.alive) AS p_alive,
    AVG(a.later) AS purchase_risk
  FROM per_draw AS a
  GROUP BY
    a.grp,
    a.x,
    a.t_x,
    a.age,
    a.horizon
)
SELECT
  s.customer_id,
  s.x,
  s.t_x,
  s.age AS age_days,
  v.p_alive,
  v.purchase_risk,
  CAST(v.horizon AS DOUBLE) AS horizon_days,
  CASE
    WHEN v.purchase_risk IS NULL
    THEN 'unknown_group'
    WHEN s.age > s.t_x
    AND v.purchase_risk >= CASE
      WHEN s.x = 0
      THEN CAST(4.00000000000000022e-01 AS DOUBLE)
      ELSE CAST(5.00000000000000000e-01 AS DOUBLE)
    END
    THEN CASE WHEN s.x = 0 THEN 'first_risk' ELSE 'repeat_risk' END
    ELSE CASE WHEN s.x = 0 THEN 'first_active' ELSE 'repeat_active' END
  END AS purchase_state,
  'cb-2c5a4af4afd3847be2e5a167' AS bundle_id
FROM summary AS s
LEFT JOIN scores AS v
  ON v.grp = s.grp AND v.x = s.x AND v.t_x = s.t_x AND v.age = s.age
