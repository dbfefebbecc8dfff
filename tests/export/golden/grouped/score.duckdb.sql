-- churnlab scoring, duckdb, bundle cb-2d2d547326d498a443311a87
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
      4.66395099025649462e-01,
      4.32658097285214467e+01,
      9.32620220133711708e-01,
      1.57094489443826091e+00
    ),
    (
      1,
      0,
      5.59995121592777423e-01,
      5.42229644902290602e+01,
      9.38131392743928649e-01,
      1.76801253682883686e+00
    ),
    (
      0,
      1,
      4.23161153898044817e-01,
      4.33478146802180717e+01,
      1.04084398972773617e+00,
      1.61399900265507679e+00
    ),
    (
      1,
      1,
      6.58439718885587499e-01,
      5.13056724590333246e+01,
      9.08785464676715837e-01,
      1.99683587502403559e+00
    ),
    (
      0,
      2,
      5.10850992219851974e-01,
      3.93556305860661624e+01,
      9.43146249915075341e-01,
      1.39189404488904356e+00
    ),
    (
      1,
      2,
      5.91469297846403674e-01,
      4.90625770269907164e+01,
      1.03522515470682053e+00,
      1.76058927019157174e+00
    ),
    (
      0,
      3,
      4.63934264420151954e-01,
      4.27612917649782815e+01,
      8.53146662991075444e-01,
      1.57455375648689433e+00
    ),
    (
      1,
      3,
      5.94385770011566228e-01,
      5.41384857185274271e+01,
      1.02639807066962563e+00,
      1.86289470276042457e+00
    ),
    (
      0,
      4,
      4.69858757391080351e-01,
      5.13799826135028042e+01,
      9.25252780450595336e-01,
      1.52587124301146004e+00
    ),
    (
      1,
      4,
      5.83322071870731818e-01,
      4.95595701280369383e+01,
      1.27823979663387299e+00,
      1.94959204713960643e+00
    ),
    (
      0,
      5,
      4.80679735675501763e-01,
      4.03327103347985556e+01,
      9.41900822363397339e-01,
      1.52067532309161457e+00
    ),
    (
      1,
      5,
      6.41669115078620123e-01,
      4.69281720043387338e+01,
      1.08134729157204235e+00,
      1.79192559358795878e+00
    ),
    (
      0,
      6,
      5.36849403496290845e-01,
      4.20250824957199569e+01,
      7.87889840849627432e-01,
      1.80535790890893910e+00
    ),
    (
      1,
      6,
      5.37956952354044282e-01,
      4.96822832783225081e+01,
      1.15906676029779221e+00,
      2.09929512063419788e+00
    ),
    (
      0,
      7,
      6.45157836470569679e-01,
      4.04537639410803891e+01,
      7.73777244422676258e-01,
      1.77498632251623412e+00
    ),
    (
      1,
      7,
      5.61039193405200254e-01,
      5.06067842904490206e+01,
      1.07792478281750959e+00,
      1.93495542276602372e+00
    )) AS v(grp, draw, r, alpha, a, b)
), draws AS (
  SELECT
    w.grp,
    w.draw,
    CAST(w.r AS DOUBLE) AS r,
    CAST(w.alpha AS DOUBLE) AS alpha,
    CAST(w.a AS DOUBLE) AS a,
    CAST(w.b AS DOUBLE) AS b
  FROM draws_literal AS w
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
), group_names AS (
  SELECT
    *
  FROM (VALUES
    (0, 'app'),
    (1, 'web')) AS v(grp, label)
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
), labels AS (
  SELECT DISTINCT
    CAST(m."customer_id" AS TEXT) AS customer_id,
    COALESCE(CAST(m."channel" AS TEXT), 'unknown') AS label
  FROM "members" AS m
), summary AS (
  SELECT
    k.customer_id,
    CAST(k.x AS DOUBLE) AS x,
    CAST(k.t_x AS DOUBLE) AS t_x,
    CAST(k.age AS DOUBLE) AS age,
    g.grp
  FROM counted AS k
  LEFT JOIN labels AS l
    ON l.customer_id = k.customer_id
  LEFT JOIN group_names AS g
    ON g.label = l.label
), cells AS (
  SELECT DISTINCT
    s.grp,
    s.x,
    s.t_x,
    s.age
  FROM summary AS s
), keys AS (
  SELECT DISTINCT
    c.grp,
    c.x,
    c.t_x
  FROM cells AS c
), spans AS (
  SELECT
    k.grp,
    k.x,
    k.t_x,
    CEIL(
      GREATEST(
        CAST(1.40000000000000000e+01 AS DOUBLE),
        LEAST(
          CAST(1.82000000000000000e+02 AS DOUBLE),
          CAST(2.00000000000000000e+00 AS DOUBLE) * (
            1 / AVG((
              d.r + 1 * k.x
            ) / (
              d.alpha + k.t_x
            ) / 1)
          )
        )
      )
    ) AS horizon
  FROM keys AS k
  JOIN draws AS d
    ON d.grp = k.grp
  GROUP BY
    k.grp,
    k.x,
    k.t_x
), windowed AS (
  SELECT
    c.grp,
    c.x,
    c.t_x,
    c.age,
    s.horizon
  FROM cells AS c
  JOIN spans AS s
    ON s.grp = c.grp AND s.x = c.x AND s.t_x = c.t_x
), parts AS (
  SELECT
    c.grp,
    c.x,
    c.t_x,
    c.age,
    c.horizon,
    EXP(
      GREATEST(
        -700,
        LEAST(700, -(
          d.r + 1 * c.x
        ) * LN(1 + (
          c.age - c.t_x
        ) / (
          d.alpha + c.t_x
        )))
      )
    ) AS fall,
    d.a / (
      d.b + c.x
    ) AS weight,
    EXP(
      GREATEST(-700, LEAST(700, -(
        d.r + 1 * c.x
      ) * LN(1 + c.horizon / (
        d.alpha + c.age
      ))))
    ) AS later
  FROM windowed AS c
  JOIN draws AS d
    ON d.grp = c.grp
), per_draw AS (
  SELECT
    p.grp,
    p.x,
    p.t_x,
    p.age,
    p.horizon,
    p.later,
    p.fall / (
      p.fall + p.weight
    ) AS alive
  FROM parts AS p
), scores AS (
  SELECT
    a.grp,
    a.x,
    a.t_x,
    a.age,
    a.horizon,
    AVG(a.alive) AS p_alive,
    AVG(1 - a.alive * (
      1 - a.later
    )) AS purchase_risk
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
  'cb-2d2d547326d498a443311a87' AS bundle_id
FROM summary AS s
LEFT JOIN scores AS v
  ON v.grp = s.grp AND v.x = s.x AND v.t_x = s.t_x AND v.age = s.age
